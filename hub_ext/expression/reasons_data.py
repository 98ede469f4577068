"""The sentences of refusals about datasets and volumes: the fact, then the next step."""

from __future__ import annotations

from hub_ext.expression.sentences import CHOOSE_AGAIN, Sentences
from hub_ext.model import Localised
from hub_ext.model import ReasonCode as Code

_RENEW = Localised(
    '{ask} to renew it, or untick "{subject}" to start now.',
    "{ask} de le renouveler, ou décochez « {subject} » pour démarrer maintenant.",
)
_UNTICK = Localised(
    'Untick "{subject}" to start now.',
    "Décochez « {subject} » pour démarrer maintenant.",
)
_APPROVAL_LEAD = Localised(
    'Ask the project\'s lead to have the grant put under a valid approval, or untick "{subject}" to '
    "start now.",
    "Demandez à la personne qui dirige le projet de faire rattacher l’accès à une autorisation valable, "
    "ou décochez « {subject} » pour démarrer maintenant.",
)
_QUARANTINE = Localised(
    "Ask a data steward what has to happen first, or choose another project.",
    "Demandez à une personne responsable des données ce qui doit être fait d’abord, ou choisissez un "
    "autre projet.",
)
_APART = Localised("Untick one of the two.", "Décochez l’un des deux.")
_APART_HISTORY = Localised(
    'Untick "{subject}" to start now. Work that needs it belongs in a project of its own: {ask_small}.',
    "Décochez « {subject} » pour démarrer maintenant. Le travail qui en a besoin demande un projet à "
    "part : {ask_small}.",
)

OF_DATA: dict[Code, Sentences] = {
    Code.DATASET_UNKNOWN: (
        Localised('There is no dataset "{subject}".', "Il n’y a pas de jeu de données « {subject} »."),
        CHOOSE_AGAIN,
    ),
    Code.DATASET_ENDED: (
        Localised(
            'The dataset "{subject}" was closed on {date}.',
            "Le jeu de données « {subject} » a été fermé le {date}.",
        ),
        Localised(
            '{ask} what replaces it, or untick "{subject}" to start now.',
            "{ask} ce qui le remplace, ou décochez « {subject} » pour démarrer maintenant.",
        ),
    ),
    Code.GRANT_MISSING: (
        Localised(
            'Your project has no access to "{subject}".',
            "Votre projet n’a pas accès à « {subject} ».",
        ),
        Localised(
            '{ask} for it, or untick "{subject}" to start now.',
            "{ask} de l’accorder, ou décochez « {subject} » pour démarrer maintenant.",
        ),
    ),
    Code.GRANT_NOT_YET: (
        Localised(
            'Your access to "{subject}" begins on {date}.',
            "Votre accès à « {subject} » commence le {date}.",
        ),
        _UNTICK,
    ),
    Code.GRANT_ENDED: (
        Localised(
            'Your access to "{subject}" ended on {date}.',
            "Votre accès à « {subject} » a pris fin le {date}.",
        ),
        _RENEW,
    ),
    Code.GRANT_REVOKED: (
        Localised(
            'Your access to "{subject}" was withdrawn on {date}.',
            "Votre accès à « {subject} » a été retiré le {date}.",
        ),
        Localised(
            '{ask} why, or untick "{subject}" to start now.',
            "{ask} pourquoi, ou décochez « {subject} » pour démarrer maintenant.",
        ),
    ),
    Code.GRANT_OTHER_MEMBERS: (
        Localised(
            '"{subject}" is granted to some members of your project, and you are not among them.',
            "« {subject} » est accordé à certains membres de votre projet, dont vous ne faites pas partie.",
        ),
        Localised(
            '{ask} to include you, or untick "{subject}" to start now.',
            "{ask} de vous y ajouter, ou décochez « {subject} » pour démarrer maintenant.",
        ),
    ),
    Code.GRANT_APPROVAL_MISSING: (
        Localised(
            'The approval under which "{subject}" was granted is not on record.',
            "L’autorisation sous laquelle « {subject} » a été accordé n’est pas enregistrée.",
        ),
        _APPROVAL_LEAD,
    ),
    Code.GRANT_APPROVAL_NOT_YET: (
        Localised(
            'The approval {reference}, under which "{subject}" was granted, begins on {date}.',
            "L’autorisation {reference}, sous laquelle « {subject} » a été accordé, commence le {date}.",
        ),
        _UNTICK,
    ),
    Code.GRANT_APPROVAL_ENDED: (
        Localised(
            'The approval {reference}, under which "{subject}" was granted, ended on {date}.',
            "L’autorisation {reference}, sous laquelle « {subject} » a été accordé, a pris fin le {date}.",
        ),
        _APPROVAL_LEAD,
    ),
    Code.TERMS_NOT_ACCEPTED: (
        Localised(
            'You have not accepted the terms of use of "{subject}" (version {version}).',
            "Vous n’avez pas accepté les conditions d’utilisation de « {subject} » (version {version}).",
        ),
        Localised(
            "Read them beside the dataset on the start page and tick that you accept them (in the API: "
            '"terms", with "{subject}" and {version}), or untick "{subject}" to start now.',
            "Lisez-les à côté du jeu de données sur la page de démarrage et cochez que vous les acceptez "
            "(par l’API : « terms », avec « {subject} » et {version}), ou décochez « {subject} » pour "
            "démarrer maintenant.",
        ),
    ),
    Code.VERSION_MISSING: (
        Localised(
            '"{subject}" has no version that could be used.',
            "« {subject} » n’a pas de version utilisable.",
        ),
        Localised(
            '{ask} to register one, or untick "{subject}" to start now.',
            "{ask} d’en enregistrer une, ou décochez « {subject} » pour démarrer maintenant.",
        ),
    ),
    Code.VERSION_WITHDRAWN: (
        Localised(
            'Version {version} of "{subject}" was withdrawn.',
            "La version {version} de « {subject} » a été retirée.",
        ),
        Localised(
            '{ask} for another version, or untick "{subject}" to start now.',
            "{ask} une autre version, ou décochez « {subject} » pour démarrer maintenant.",
        ),
    ),
    Code.FOLDER_MISSING: (
        Localised(
            'The files of "{subject}" are not where they should be.',
            "Les fichiers de « {subject} » ne sont pas à leur place.",
        ),
        Localised(
            '{ask} to have them put back, or untick "{subject}" to start now.',
            "{ask} de les faire remettre, ou décochez « {subject} » pour démarrer maintenant.",
        ),
    ),
    Code.FOLDER_UNKNOWN: (
        Localised(
            'Whether the files of "{subject}" are there could not be checked.',
            "La présence des fichiers de « {subject} » n’a pas pu être vérifiée.",
        ),
        Localised(
            'Untick "{subject}" to start now, or try again in some minutes; if it lasts, tell the operators.',
            "Réessayez dans quelques minutes, ou décochez « {subject} » pour démarrer maintenant ; si cela "
            "dure, prévenez l’exploitation.",
        ),
    ),
    Code.NEVER_WITH: (
        Localised(
            '"{subject}" and "{other}" must not be used together.',
            "« {subject} » et « {other} » ne doivent pas être utilisés ensemble.",
        ),
        _APART,
    ),
    Code.NEVER_WITH_HISTORY: (
        Localised(
            '"{subject}" must not meet "{other}", of which your home or the project\'s folder may hold '
            "copies: it was used there before.",
            "« {subject} » ne doit pas rencontrer « {other} », dont votre dossier personnel ou celui du "
            "projet peut contenir des copies : il y a déjà servi.",
        ),
        _APART_HISTORY,
    ),
    Code.KEY_WITH_DECODED: (
        Localised(
            'Of "{subject}" and "{other}", one is the key that decodes the other.',
            "De « {subject} » et « {other} », l’un est la clé qui décode l’autre.",
        ),
        _APART,
    ),
    Code.KEY_WITH_DECODED_HISTORY: (
        Localised(
            'Of "{subject}" and "{other}", one is the key that decodes the other, and your home or the '
            'project\'s folder may hold copies of "{other}": it was used there before.',
            "De « {subject} » et « {other} », l’un est la clé qui décode l’autre, et votre dossier personnel "
            "ou celui du projet peut contenir des copies de « {other} » : il y a déjà servi.",
        ),
        _APART_HISTORY,
    ),
    Code.VOLUME_QUARANTINED: (
        Localised(
            'The shared folder of the project "{subject}" is in quarantine.',
            "Le dossier commun du projet « {subject} » est en quarantaine.",
        ),
        _QUARANTINE,
    ),
}
