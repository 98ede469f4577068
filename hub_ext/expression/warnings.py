"""Why a server is about to be stopped, for the person whose server it is; the fact, then the next step."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from hub_ext.expression.sentences import Sentences
from hub_ext.expression.words import Words, day
from hub_ext.model import Localised, StopReason

WARNINGS: dict[StopReason, Sentences] = {
    StopReason.IDLE: (
        Localised(
            "It is stopped at {at}: nothing has run in it for a while.",
            "Il sera arrêté à {at} : rien n’y tourne depuis un moment.",
        ),
        Localised("Use it, or ask for more time.", "Utilisez-le, ou demandez plus de temps."),
    ),
    StopReason.BUSY_CEILING: (
        Localised(
            "It is stopped at {at}: it has computed for nearly as long as is allowed here.",
            "Il sera arrêté à {at} : il calcule depuis presque aussi longtemps qu’il est permis ici.",
        ),
        Localised(
            "Save what the computation has reached, or ask for more time.",
            "Enregistrez l’état du calcul, ou demandez plus de temps.",
        ),
    ),
    StopReason.NO_ANSWER: (
        Localised(
            "It is stopped at {at}: it does not answer, and nobody has used it for a long time.",
            "Il sera arrêté à {at} : il ne répond pas, et personne ne l’utilise depuis longtemps.",
        ),
        Localised("Open it, or ask for more time.", "Ouvrez-le, ou demandez plus de temps."),
    ),
    StopReason.GPU_IDLE: (
        Localised(
            "It is stopped at {at}: it holds a GPU that has computed nothing for a while.",
            "Il sera arrêté à {at} : il détient un GPU qui n’a rien calculé depuis un moment.",
        ),
        Localised(
            "Use the GPU, ask for more time, or start without one.",
            "Utilisez le GPU, demandez plus de temps, ou démarrez sans GPU.",
        ),
    ),
}


def warning_words(
    reason: StopReason, at: datetime, now: datetime, language: str, zone: tzinfo = UTC
) -> Words:
    """Why and when, with the day where it is not today's."""
    fact, advice = WARNINGS[reason]
    clock = f"{at.astimezone(zone):%H:%M}"
    today = at.astimezone(zone).date() == now.astimezone(zone).date()
    shown = clock if today else f"{clock} ({day(at, language, zone)})"
    return Words(fact.text(language).format(at=shown), advice.text(language))
