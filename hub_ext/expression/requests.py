"""What is said of requests for access: their states; why one, or an act on one, is refused; the next step."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from hub_ext.expression.sentences import Sentences
from hub_ext.expression.words import Words, day, last_day
from hub_ext.model import Localised
from hub_ext.model.requests import RequestProblem, RequestState
from hub_ext.model.requests import RequestProblemCode as Code

STATES: dict[RequestState, Localised] = {
    RequestState.OPEN: Localised("waits for a steward", "attend un gestionnaire des données"),
    RequestState.ASKED_BACK: Localised("waits for an answer", "attend une réponse"),
    RequestState.APPROVED: Localised("approved", "acceptée"),
    RequestState.REFUSED: Localised("refused", "refusée"),
    RequestState.WITHDRAWN: Localised("withdrawn", "retirée"),
}

_LEAD = Localised("Ask the project's lead.", "Adressez-vous à qui dirige le projet.")
_SHORTEN = Localised("Say it in fewer words.", "Dites-le en moins de mots.")

PROBLEMS: dict[Code, Sentences] = {
    Code.PROJECT_CLOSED: (
        Localised("The project “{subject}” is not active.", "Le projet « {subject} » n’est pas actif."),
        _LEAD,
    ),
    Code.MEMBERSHIP_NONE: (
        Localised(
            "You have no place in a project “{subject}” now.",
            "Vous n’avez pas de place dans un projet « {subject} » actuellement.",
        ),
        Localised("Choose one of your projects.", "Choisissez un de vos projets."),
    ),
    Code.APPROVAL_NONE: (
        Localised(
            "The project “{subject}” has no approval now, and no data is given without one.",
            "Le projet « {subject} » n’a pas d’autorisation actuellement, et rien n’est accordé sans elle.",
        ),
        _LEAD,
    ),
    Code.DATASET_CLOSED: (
        Localised(
            "There is no dataset “{subject}” to ask for.",
            "Il n’y a pas de jeu de données « {subject} » à demander.",
        ),
        Localised("Choose another one.", "Choisissez-en un autre."),
    ),
    Code.KEY_APART: (
        Localised(
            "“{subject}” and what the project holds or held must never meet: together they name persons.",
            "« {subject} » et ce que le projet détient ou a détenu ne doivent jamais se rencontrer : "
            "ensemble, ils nomment des personnes.",
        ),
        Localised(
            "Ask in a project that is kept apart.", "Demandez-le dans un projet qui est tenu à l’écart."
        ),
    ),
    Code.GRANTED_ALREADY: (
        Localised("“{subject}” is granted to you already.", "« {subject} » vous est déjà accordé."),
        Localised("Tick it on the start page.", "Cochez-le sur la page de démarrage."),
    ),
    Code.ASKED_ALREADY: (
        Localised(
            "You have asked for “{subject}” in this project already.",
            "Vous avez déjà demandé « {subject} » dans ce projet.",
        ),
        Localised(
            "Wait for the decision, or withdraw that request.",
            "Attendez la décision, ou retirez cette demande.",
        ),
    ),
    Code.UNTIL_PAST: (
        Localised("That day is over.", "Ce jour est passé."),
        Localised("Choose a later one, or none.", "Choisissez-en un plus tard, ou aucun."),
    ),
    Code.UNTIL_BEYOND: (
        Localised(
            "The project is approved until {until}, and no data is given beyond.",
            "Le projet est autorisé jusqu’au {until}, et rien n’est accordé au-delà.",
        ),
        Localised("Choose an earlier day, or none.", "Choisissez un jour plus tôt, ou aucun."),
    ),
    Code.TEXT_EMPTY: (
        Localised("This is empty.", "Ceci est vide."),
        Localised("Write a sentence or two.", "Écrivez une phrase ou deux."),
    ),
    Code.TEXT_LONG: (
        Localised(
            "This has {characters} characters; {most} fit.",
            "Ceci a {characters} caractères ; {most} au plus.",
        ),
        _SHORTEN,
    ),
    Code.TEXT_UNSEEN: (
        Localised(
            "This holds a character that nobody can see.", "Ceci contient un caractère que personne ne voit."
        ),
        Localised("Type it anew instead of pasting it.", "Tapez-le de nouveau au lieu de le coller."),
    ),
    Code.DECIDED: (
        Localised("This request is closed: {state}.", "Cette demande est close : {state}."),
        Localised("Whoever needs more asks anew.", "Qui a besoin de plus fait une nouvelle demande."),
    ),
    Code.WAITS_FOR_ANSWER: (
        Localised("A question waits for its answer already.", "Une question attend déjà sa réponse."),
        Localised("Wait for it, or decide.", "Attendez-la, ou décidez."),
    ),
    Code.NO_QUESTION: (
        Localised("Nothing was asked back.", "Aucune question n’a été posée."),
        Localised("Wait for the decision.", "Attendez la décision."),
    ),
    Code.OWN_REQUEST: (
        Localised(
            "This is a request of your own, and nobody decides on their own requests.",
            "C’est votre propre demande, et personne ne décide de ses propres demandes.",
        ),
        Localised("Somebody else must decide.", "Quelqu’un d’autre doit décider."),
    ),
    Code.NOT_THEIRS: (
        Localised("This is somebody else's request.", "C’est la demande de quelqu’un d’autre."),
        Localised("Your own are on your page.", "Les vôtres sont sur votre page."),
    ),
    Code.MEMBER_GONE: (
        Localised(
            "Whoever asked has no place in the project “{subject}” any more.",
            "La personne n’a plus de place dans le projet « {subject} ».",
        ),
        Localised("Refuse the request, or ask back.", "Refusez la demande, ou posez une question."),
    ),
}


def problem_words(problem: RequestProblem, language: str = "en", time_zone: tzinfo = UTC) -> Words:
    """The sentences of one "no". Plain text: a page escapes it."""
    fact, advice = PROBLEMS[problem.code]
    shown = {"subject": problem.subject}
    for name, value in problem.shown:
        if isinstance(value, datetime):
            shown[name] = (last_day if name == "until" else day)(value, language, time_zone)
        else:
            shown[name] = str(value)
    if problem.code is Code.DECIDED:
        shown["state"] = STATES[RequestState(problem.subject)].text(language)
    return Words(fact.text(language).format_map(shown), advice.text(language).format_map(shown))
