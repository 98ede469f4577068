"""Why somebody may not, in their language: the fact, and whom to turn to."""

from __future__ import annotations

from hub_ext.expression.sentences import Sentences
from hub_ext.expression.words import Words
from hub_ext.model import Localised
from hub_ext.model.duties import Denial, DenialCode

DENIALS: dict[DenialCode, Sentences] = {
    DenialCode.PERSON_ENDED: (
        Localised("You are not registered here any more.", "Vous n’êtes plus inscrit ici."),
        Localised("Ask a steward.", "Adressez-vous à un gestionnaire des données."),
    ),
    DenialCode.ROLE_MISSING: (
        Localised("This is not among your duties.", "Cela ne fait pas partie de vos attributions."),
        Localised(
            "If it should be, ask a steward for the role.",
            "Si cela devait en être, demandez le rôle à un gestionnaire des données.",
        ),
    ),
    DenialCode.READS_ONLY: (
        Localised(
            "An auditor reads everything and changes nothing.",
            "Un auditeur lit tout et ne change rien.",
        ),
        Localised("Ask whoever has the role for it.", "Adressez-vous à qui en a le rôle."),
    ),
    DenialCode.OTHER_DATASET: (
        Localised(
            "The dataset “{subject}” has stewards of its own, and you are not one of them.",
            "Le jeu de données « {subject} » a ses propres gestionnaires, et vous n’en êtes pas.",
        ),
        Localised("Ask one of them.", "Adressez-vous à l’un d’eux."),
    ),
    DenialCode.OTHER_PROJECT: (
        Localised(
            "You have no such place in the project “{subject}”.",
            "Vous n’avez pas cette place dans le projet « {subject} ».",
        ),
        Localised(
            "Ask its lead or its data manager.", "Adressez-vous à qui le dirige ou en gère les données."
        ),
    ),
    DenialCode.OWN_REQUEST: (
        Localised(
            "This is a request of your own, and nobody decides on their own requests.",
            "C’est votre propre demande, et personne ne décide de ses propres demandes.",
        ),
        Localised("Somebody else must decide.", "Quelqu’un d’autre doit décider."),
    ),
}


def denial_words(denial: Denial, language: str = "en") -> Words:
    """The sentences of a "no". Plain text: a page escapes it."""
    fact, advice = DENIALS[denial.code]
    return Words(fact.text(language).format(subject=denial.subject), advice.text(language))
