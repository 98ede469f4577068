"""Why a server ended, for the person whose server it was; the fact, then the next step."""

from __future__ import annotations

from hub_ext.expression.sentences import Sentences
from hub_ext.model import Localised, StopReason

_START_AGAIN = Localised(
    "Your home and the project's folder are kept; start again when you need it.",
    "Votre dossier personnel et celui du projet sont conservés ; redémarrez quand vous en avez besoin.",
)
_TELL = Localised(
    "Start again; if it happens again, tell the operators.",
    "Redémarrez ; si cela se répète, prévenez l’exploitation.",
)

ENDINGS: dict[StopReason, Sentences] = {
    StopReason.PERSON: (Localised("You stopped it.", "Vous l’avez arrêté."), _START_AGAIN),
    StopReason.OPERATOR: (
        Localised("The operators stopped it.", "L’exploitation l’a arrêté."),
        _START_AGAIN,
    ),
    StopReason.IDLE: (
        Localised(
            "It was stopped because nothing had run in it for a while.",
            "Il a été arrêté parce que rien n’y avait tourné depuis un moment.",
        ),
        _START_AGAIN,
    ),
    StopReason.BUSY_CEILING: (
        Localised(
            "It was stopped because it had computed for longer than is allowed here.",
            "Il a été arrêté parce qu’il calculait depuis plus longtemps qu’il n’est permis ici.",
        ),
        Localised(
            "Save what a long computation has reached as it goes, so that it can continue from there.",
            "Enregistrez au fur et à mesure l’état d’un long calcul, pour pouvoir le reprendre de là.",
        ),
    ),
    StopReason.GPU_IDLE: (
        Localised(
            "It was stopped because it held a GPU that computed nothing for a while.",
            "Il a été arrêté parce qu’il détenait un GPU qui n’a rien calculé depuis un moment.",
        ),
        Localised(
            "Start without a GPU while you prepare data, and with one to train.",
            "Démarrez sans GPU pour préparer les données, et avec un GPU pour l’apprentissage.",
        ),
    ),
    StopReason.RIGHT_ENDED: (
        Localised(
            "It was stopped because a right that it rested on ended.",
            "Il a été arrêté parce qu’un droit dont il dépendait a pris fin.",
        ),
        Localised(
            "The start page says which, and what to do about it.",
            "La page de démarrage dit lequel, et que faire.",
        ),
    ),
    StopReason.LEASE_ENDED: (
        Localised(
            "It was stopped because the time for which it had its GPU was over.",
            "Il a été arrêté parce que le temps pour lequel il avait son GPU était écoulé.",
        ),
        Localised(
            "Start again, with a GPU when your limits allow one, or without.",
            "Redémarrez, avec un GPU quand vos limites en permettent un, ou sans.",
        ),
    ),
    StopReason.BLOCKED: (
        Localised(
            "The operators stopped it, with others like it.",
            "L’exploitation l’a arrêté, avec d’autres comme lui.",
        ),
        Localised(
            "The start page says why; your home and the project's folder are kept.",
            "La page de démarrage dit pourquoi ; votre dossier personnel et celui du projet sont conservés.",
        ),
    ),
    StopReason.QUARANTINED: (
        Localised(
            "It was stopped because a folder that it used was put into quarantine.",
            "Il a été arrêté parce qu’un dossier qu’il utilisait a été mis en quarantaine.",
        ),
        Localised(
            "The start page says which, and whom to ask.",
            "La page de démarrage dit lequel, et à qui s’adresser.",
        ),
    ),
    StopReason.IMAGE_UNSAFE: (
        Localised(
            "It was stopped because its environment was retired for a security reason.",
            "Il a été arrêté parce que son environnement a été retiré pour une raison de sécurité.",
        ),
        Localised("Start another environment.", "Démarrez un autre environnement."),
    ),
    StopReason.OUT_OF_MEMORY: (
        Localised("It ran out of memory.", "Il a manqué de mémoire."),
        Localised(
            "Choose a larger size, or load less data at a time.",
            "Choisissez une taille plus grande, ou chargez moins de données à la fois.",
        ),
    ),
    StopReason.ENDED_BY_ITSELF: (
        Localised("It ended by itself.", "Il s’est arrêté de lui-même."),
        _TELL,
    ),
    StopReason.START_FAILED: (Localised("It did not come up.", "Il n’a pas démarré."), _TELL),
    StopReason.CONTAINER_LOST: (
        Localised(
            "It disappeared from the machine on which it ran.",
            "Il a disparu de la machine où il tournait.",
        ),
        _TELL,
    ),
    StopReason.NO_ANSWER: (
        Localised(
            "It was stopped because it did not answer.", "Il a été arrêté parce qu’il ne répondait pas."
        ),
        _TELL,
    ),
    StopReason.HUB_LOST: (
        Localised(
            "It was stopped because the Hub had lost it, and nobody could have reached it any more.",
            "Il a été arrêté parce que le Hub l’avait perdu : personne n’aurait plus pu y accéder.",
        ),
        _START_AGAIN,
    ),
}
