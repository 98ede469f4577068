"""What a person reads before a session of theirs ends, and above every page while something is stopped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo

from hub_ext.expression.words import instant, sentence
from hub_ext.model import Localised, Reason
from hub_ext.model import ReasonCode as Code

_ENDS = Localised(
    "It will be stopped on {at}: {what}. Save your work.",
    "Il sera arrêté le {at} : {what}. Enregistrez votre travail.",
)
_RUNS_UNTIL = Localised(
    " Servers that it concerns are stopped by {at}: save your work.",
    " Les serveurs concernés seront arrêtés au plus tard le {at} : enregistrez votre travail.",
)
_PROJECT = Localised('the project "{subject}" ends', "le projet « {subject} » prend fin")
_WHAT = {
    Code.PERSON_ENDED: Localised("your registration here ends", "votre inscription ici prend fin"),
    Code.PROJECT_ENDED: _PROJECT,
    Code.PROJECT_NOT_ACTIVE: _PROJECT,
    Code.MEMBERSHIP_ENDED: Localised(
        'your place in the project "{subject}" ends', "votre place dans le projet « {subject} » prend fin"
    ),
    Code.APPROVAL_ENDED: Localised("the approval of the project ends", "l’autorisation du projet prend fin"),
    Code.GRANT_ENDED: Localised('the access to "{subject}" ends', "l’accès à « {subject} » prend fin"),
    Code.GRANT_APPROVAL_ENDED: Localised(
        'the approval under which "{subject}" was granted ends',
        "l’autorisation sous laquelle « {subject} » a été accordé prend fin",
    ),
    Code.BLOCKED: Localised("the operators say “{why}”", "l’exploitation dit « {why} »"),
}
_OTHERWISE = Localised("a right that it rests on ends", "un droit dont il dépend prend fin")


def end_ahead(at: datetime, reasons: Iterable[Reason], language: str, time_zone: tzinfo = UTC) -> str:
    """When a session ends, and which of its rights ends then."""
    return _ENDS.text(language).format(at=instant(at, language, time_zone), what=what_ends(reasons, language))


def what_ends(reasons: Iterable[Reason], language: str) -> str:
    """Which right ends, as a part of a sentence such as 'the access to "mri" ends'."""
    what = dict.fromkeys(
        _WHAT.get(reason.code, _OTHERWISE)
        .text(language)
        .format_map({"subject": reason.subject, "why": "", **dict(reason.shown)})
        for reason in reasons
    )
    return (" ; " if language == "fr" else "; ").join(what) or _OTHERWISE.text(language)


def banner(reason: Reason, end_by: datetime | None, language: str, time_zone: tzinfo = UTC) -> str:
    """What is stopped, in the operators' words, and until when what runs may run."""
    said = sentence(reason, language, time_zone).fact
    if end_by is None:
        return said
    return said + _RUNS_UNTIL.text(language).format(at=instant(end_by, language, time_zone))
