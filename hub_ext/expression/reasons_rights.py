"""The sentences of refusals about people, projects and environments: the fact, then the next step."""

from __future__ import annotations

from hub_ext.expression.sentences import CHOOSE_AGAIN, Sentences
from hub_ext.model import Localised
from hub_ext.model import ReasonCode as Code

_OTHER_PROJECT = Localised(
    "Choose one of your projects on the start page.",
    "Choisissez un de vos projets sur la page de démarrage.",
)
_LEAD_PROLONGS = Localised(
    "Ask the project's lead to have it prolonged, or choose another project.",
    "Demandez à la personne qui dirige le projet de le faire prolonger, ou choisissez un autre projet.",
)
_COME_BACK = Localised(
    "Come back then, or choose another project.",
    "Revenez à cette date, ou choisissez un autre projet.",
)

OF_RIGHTS: dict[Code, Sentences] = {
    Code.PERSON_UNKNOWN: (
        Localised(
            "Your sign-in belongs to nobody who is registered here.",
            "Votre identité ne correspond à aucune personne enregistrée ici.",
        ),
        Localised("Ask the operators to register you.", "Demandez à l’exploitation de vous enregistrer."),
    ),
    Code.SIGN_IN_OLD: (
        Localised(
            "Your institution's sign-in service has not confirmed you for too long.",
            "Le service de connexion de votre établissement ne vous a pas confirmé depuis trop longtemps.",
        ),
        Localised(
            "Sign out and in again. If that does not work, the service is down: what runs goes on, and new "
            "servers start when it is back.",
            "Déconnectez-vous et reconnectez-vous. Si cela échoue, ce service est en panne : ce qui est en "
            "marche continue, et de nouveaux serveurs démarreront à son retour.",
        ),
    ),
    Code.PERSON_ENDED: (
        Localised("Your account ended on {date}.", "Votre compte a pris fin le {date}."),
        Localised(
            "Ask whoever invited you, or the operators, to prolong it.",
            "Demandez à la personne qui vous a invité, ou à l’exploitation, de le prolonger.",
        ),
    ),
    Code.PROJECT_UNKNOWN: (
        Localised('There is no project "{subject}".', "Il n’y a pas de projet « {subject} »."),
        _OTHER_PROJECT,
    ),
    Code.PROJECT_NOT_ACTIVE: (
        Localised('The project "{subject}" is {state}.', "Le projet « {subject} » est {state}."),
        Localised(
            "Ask its lead whether it will be opened again, or choose another project.",
            "Demandez à la personne qui le dirige s’il sera rouvert, ou choisissez un autre projet.",
        ),
    ),
    Code.PROJECT_ENDED: (
        Localised(
            'The project "{subject}" ended on {date}.', "Le projet « {subject} » a pris fin le {date}."
        ),
        _LEAD_PROLONGS,
    ),
    Code.MEMBERSHIP_MISSING: (
        Localised(
            'You are not a member of the project "{subject}".',
            "Vous n’êtes pas membre du projet « {subject} ».",
        ),
        Localised(
            "Ask its lead to add you, or choose one of your own projects.",
            "Demandez à la personne qui le dirige de vous y ajouter, ou choisissez un de vos projets.",
        ),
    ),
    Code.MEMBERSHIP_NOT_YET: (
        Localised(
            'Your membership of the project "{subject}" begins on {date}.',
            "Vous serez membre du projet « {subject} » à partir du {date}.",
        ),
        _COME_BACK,
    ),
    Code.MEMBERSHIP_ENDED: (
        Localised(
            'Your membership of the project "{subject}" ended on {date}.',
            "Votre participation au projet « {subject} » a pris fin le {date}.",
        ),
        Localised(
            "Ask its lead to renew it, or choose another project.",
            "Demandez à la personne qui le dirige de la renouveler, ou choisissez un autre projet.",
        ),
    ),
    Code.GROUP_MISSING: (
        Localised(
            'The project "{subject}" asks for the sign-in group "{group}", which you are not in.',
            "Le projet « {subject} » demande le groupe « {group} », dont vous ne faites pas partie.",
        ),
        Localised(
            "Ask whoever keeps your institution's accounts to put you in it, then sign out and in again.",
            "Demandez à qui gère les comptes de votre établissement de vous y inscrire, puis "
            "reconnectez-vous.",
        ),
    ),
    Code.GROUP_UNKNOWN: (
        Localised(
            'The project "{subject}" asks for the sign-in group "{group}", and your sign-in '
            "did not say which groups you are in.",
            "Le projet « {subject} » demande le groupe « {group} », et votre connexion n’a pas dit de quels "
            "groupes vous faites partie.",
        ),
        Localised(
            "Sign out and in again; if it lasts, tell the operators.",
            "Reconnectez-vous ; si cela dure, prévenez l’exploitation.",
        ),
    ),
    Code.APPROVAL_MISSING: (
        Localised(
            'No approval of the project "{subject}" is on record.',
            "Aucune autorisation du projet « {subject} » n’est enregistrée.",
        ),
        Localised(
            "Ask its lead to have it registered, or choose another project.",
            "Demandez à la personne qui le dirige de la faire enregistrer, ou choisissez un autre projet.",
        ),
    ),
    Code.APPROVAL_NOT_YET: (
        Localised(
            'The approval {reference} of the project "{subject}" begins on {date}.',
            "L’autorisation {reference} du projet « {subject} » commence le {date}.",
        ),
        _COME_BACK,
    ),
    Code.APPROVAL_ENDED: (
        Localised(
            'The approval {reference} of the project "{subject}" ended on {date}.',
            "L’autorisation {reference} du projet « {subject} » a pris fin le {date}.",
        ),
        _LEAD_PROLONGS,
    ),
    Code.IMAGE_UNKNOWN: (
        Localised('There is no environment "{subject}".', "Il n’y a pas d’environnement « {subject} »."),
        CHOOSE_AGAIN,
    ),
    Code.IMAGE_DRAFT: (
        Localised(
            'The environment "{subject}" is not published.',
            "L’environnement « {subject} » n’est pas publié.",
        ),
        Localised(
            "Choose another environment, or ask a curator when it will be.",
            "Choisissez-en un autre, ou demandez à un curateur quand il le sera.",
        ),
    ),
    Code.IMAGE_RETIRED: (
        Localised('The environment "{subject}" was retired.', "L’environnement « {subject} » a été retiré."),
        Localised("Choose another environment.", "Choisissez un autre environnement."),
    ),
    Code.IMAGE_UNSAFE: (
        Localised(
            'The environment "{subject}" was retired for a security reason.',
            "L’environnement « {subject} » a été retiré pour une raison de sécurité.",
        ),
        Localised(
            "Choose another environment; ask a curator what replaces it.",
            "Choisissez un autre environnement ; demandez à un curateur ce qui le remplace.",
        ),
    ),
    Code.IMAGE_OTHER_PROJECT: (
        Localised(
            'The environment "{subject}" is not open to the project "{project}".',
            "L’environnement « {subject} » n’est pas ouvert au projet « {project} ».",
        ),
        Localised(
            "Choose another environment, or ask a curator to open it to your project.",
            "Choisissez-en un autre, ou demandez à un curateur de l’ouvrir à votre projet.",
        ),
    ),
    Code.IMAGE_NEEDS_GPU: (
        Localised(
            'The environment "{subject}" needs a GPU, and none was asked for.',
            "L’environnement « {subject} » a besoin d’un GPU, et aucun n’a été demandé.",
        ),
        Localised(
            "Ask for one GPU, or choose another environment.",
            "Demandez un GPU, ou choisissez un autre environnement.",
        ),
    ),
    Code.IMAGE_NONE: (
        Localised(
            'No environment can be started in the project "{subject}" now.',
            "Aucun environnement ne peut être démarré dans le projet « {subject} » pour l’instant.",
        ),
        Localised(
            "Ask a curator to publish one for it, or choose another project.",
            "Demandez à un curateur d’en publier un, ou choisissez un autre projet.",
        ),
    ),
}
