"""The sentences of every refusal: the fact, then the next step, in both languages.

Names in braces are what `words` makes of a reason: its subject, its shown facts, and {ask}, which is
"Ask its steward (contact)". Where one code has several sentences, the second key says which.
"""

from __future__ import annotations

from hub_ext.model import Localised
from hub_ext.model import ReasonCode as Code

Sentences = tuple[Localised, Localised]

_AGAIN = Localised("Choose again on the start page.", "Choisissez de nouveau sur la page de démarrage.")
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
_SMALLER = Localised("Choose a smaller size.", "Choisissez une taille plus petite.")
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

SENTENCES: dict[Code, Sentences] = {
    Code.PERSON_UNKNOWN: (
        Localised(
            "Your sign-in belongs to nobody who is registered here.",
            "Votre identité ne correspond à aucune personne enregistrée ici.",
        ),
        Localised("Ask the operators to register you.", "Demandez à l’exploitation de vous enregistrer."),
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
            'Membership of the project "{subject}" asks for the sign-in group "{group}", which you are not in.',
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
            'Membership of the project "{subject}" asks for the sign-in group "{group}", and your sign-in '
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
        _AGAIN,
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
    Code.DATASET_UNKNOWN: (
        Localised('There is no dataset "{subject}".', "Il n’y a pas de jeu de données « {subject} »."),
        _AGAIN,
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
            'Try again in a few minutes, or untick "{subject}" to start now; if it lasts, tell the operators.',
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
    Code.SIZE_UNKNOWN: (
        Localised('There is no size "{subject}".', "Il n’y a pas de taille « {subject} »."),
        _AGAIN,
    ),
    Code.CPUS_ABOVE_CEILING: (
        Localised(
            'The size "{subject}" has {asked} CPUs; {set_by} allows {ceiling}.',
            "La taille « {subject} » a {asked} CPU ; {set_by} en permet {ceiling}.",
        ),
        _SMALLER,
    ),
    Code.MEM_ABOVE_CEILING: (
        Localised(
            'The size "{subject}" has {asked} of memory; {set_by} allows {ceiling}.',
            "La taille « {subject} » a {asked} de mémoire ; {set_by} en permet {ceiling}.",
        ),
        _SMALLER,
    ),
    Code.GPUS_ABOVE_CEILING: (
        Localised(
            "GPUs asked for: {asked}; {set_by} allows {ceiling}.",
            "GPU demandés : {asked} ; {set_by} en permet {ceiling}.",
        ),
        Localised("Ask for fewer GPUs.", "Demandez moins de GPU."),
    ),
    Code.GPUS_NONE_FREE: (
        Localised(
            "GPUs asked for: {asked}; free now: {free}.",
            "GPU demandés : {asked} ; libres en ce moment : {free}.",
        ),
        Localised(
            "Ask for fewer GPUs to start now, or try again later.{when_free}",
            "Demandez moins de GPU pour démarrer maintenant, ou réessayez plus tard.{when_free}",
        ),
    ),
    Code.ALREADY_RUNNING: (
        Localised(
            'Your server "{subject}" runs already, or is still stopping.',
            "Votre serveur « {subject} » est déjà en marche, ou finit de s’arrêter.",
        ),
        Localised(
            "Open it; or stop it, and start again a minute later.",
            "Ouvrez-le ; ou arrêtez-le, et redémarrez une minute plus tard.",
        ),
    ),
    Code.DISK_RESERVE: (
        Localised(
            "Only {free_bytes} of disk are free here, less than the reserve of {reserve_bytes}.",
            "Il ne reste ici que {free_bytes} de disque, moins que la réserve de {reserve_bytes}.",
        ),
        Localised(
            "Tell the operators. If a server of yours runs, remove files there that you do not need.",
            "Prévenez l’exploitation. Si un de vos serveurs est en marche, effacez-y les fichiers inutiles.",
        ),
    ),
    Code.DISK_UNKNOWN: (
        Localised(
            "How much disk is free here could not be measured.",
            "La place libre sur le disque n’a pas pu être mesurée.",
        ),
        Localised(
            "Try again in a few minutes; if it lasts, tell the operators.",
            "Réessayez dans quelques minutes ; si cela dure, prévenez l’exploitation.",
        ),
    ),
    Code.OPTIONS_INVALID: (
        Localised('"{subject}" cannot be used: {problem}.', "« {subject} » est inutilisable : {problem}."),
        _AGAIN,
    ),
    Code.OPTIONS_EMPTY: (
        Localised(
            "Nothing was chosen, and there is no earlier choice to repeat.",
            "Rien n’a été choisi, et il n’y a pas de choix précédent à reprendre.",
        ),
        Localised(
            "Choose a project and an environment on the start page.",
            "Choisissez un projet et un environnement sur la page de démarrage.",
        ),
    ),
}

VARIANTS: dict[tuple[Code, str], Sentences] = {
    (Code.IMAGE_RETIRED, "successor"): (
        SENTENCES[Code.IMAGE_RETIRED][0],
        Localised('Choose "{successor}", which replaces it.', "Choisissez « {successor} », qui le remplace."),
    ),
    (Code.DATASET_UNKNOWN, "unnamed"): (
        Localised("A dataset is not on record any more.", "Un jeu de données n’est plus enregistré."),
        _AGAIN,
    ),
    (Code.VOLUME_QUARANTINED, "home"): (
        Localised(
            'Your home of the project "{subject}" is in quarantine.',
            "Votre dossier personnel du projet « {subject} » est en quarantaine.",
        ),
        _QUARANTINE,
    ),
    (Code.GPUS_NONE_FREE, "no-device"): (
        Localised("No GPU is at work here.", "Aucun GPU n’est en service ici."),
        Localised(
            "Start without one; if there should be one, tell the operators.",
            "Démarrez sans ; s’il devrait y en avoir un, prévenez l’exploitation.",
        ),
    ),
    (Code.ALREADY_RUNNING, "unnamed"): (
        Localised(
            "Your server runs already, or is still stopping.",
            "Votre serveur est déjà en marche, ou finit de s’arrêter.",
        ),
        SENTENCES[Code.ALREADY_RUNNING][1],
    ),
}
