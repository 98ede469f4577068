"""The sentences of what operators stopped, and of quarantines: the fact, then the next step."""

from __future__ import annotations

from hub_ext.expression.sentences import Sentences
from hub_ext.model import Localised
from hub_ext.model import ReasonCode as Code

_LATER = Localised(
    "Start again when they have lifted it.{again_on}",
    "Redémarrez quand elle l’aura levé.{again_on}",
)
_ANOTHER_PROJECT = Localised(
    "Choose another project, or start again when they have lifted it.{again_on}",
    "Choisissez un autre projet, ou redémarrez quand elle l’aura levé.{again_on}",
)
_ANOTHER_IMAGE = Localised(
    "Choose another environment, or start again when they have lifted it.{again_on}",
    "Choisissez un autre environnement, ou redémarrez quand elle l’aura levé.{again_on}",
)
_UNTICK = Localised(
    'Untick "{subject}" to start now.{again_on}',
    "Décochez « {subject} » pour démarrer maintenant.{again_on}",
)
_WAIT = Localised(
    "{ask} when it is released, or choose another project.",
    "{ask} quand il sera libéré, ou choisissez un autre projet.",
)

BLOCKED: Sentences = (
    Localised(
        "The operators let nothing be started for now: “{why}”.",
        "L’exploitation a tout mis à l’arrêt pour l’instant : « {why} ».",
    ),
    _LATER,
)
# By the block's scope.
OF_BLOCKS: dict[tuple[Code, str], Sentences] = {
    (Code.BLOCKED, "person"): (
        Localised(
            "The operators let you start nothing for now: “{why}”.",
            "L’exploitation a mis vos serveurs à l’arrêt pour l’instant : « {why} ».",
        ),
        _LATER,
    ),
    (Code.BLOCKED, "project"): (
        Localised(
            'The operators have stopped the project "{subject}" for now: “{why}”.',
            "L’exploitation a mis à l’arrêt le projet « {subject} » pour l’instant : « {why} ».",
        ),
        _ANOTHER_PROJECT,
    ),
    (Code.BLOCKED, "dataset"): (
        Localised(
            'The operators have stopped the use of "{subject}" for now: “{why}”.',
            "L’exploitation a suspendu l’usage de « {subject} » pour l’instant : « {why} ».",
        ),
        _UNTICK,
    ),
    (Code.BLOCKED, "image"): (
        Localised(
            'The operators have stopped the environment "{subject}" for now: “{why}”.',
            "L’exploitation a mis à l’arrêt l’environnement « {subject} » pour l’instant : « {why} ».",
        ),
        _ANOTHER_IMAGE,
    ),
    (Code.BLOCKED, "node"): (
        Localised(
            'The operators have stopped the machine "{subject}" for now: “{why}”.',
            "L’exploitation a mis à l’arrêt la machine « {subject} » pour l’instant : « {why} ».",
        ),
        _LATER,
    ),
}

QUARANTINED: dict[tuple[Code, str], Sentences] = {
    (Code.VOLUME_QUARANTINED, "home-told"): (
        Localised(
            'Your home of the project "{subject}" is in quarantine: “{told}”.',
            "Votre dossier personnel du projet « {subject} » est en quarantaine : « {told} ».",
        ),
        _WAIT,
    ),
    (Code.VOLUME_QUARANTINED, "project-told"): (
        Localised(
            'The shared folder of the project "{subject}" is in quarantine: “{told}”.',
            "Le dossier commun du projet « {subject} » est en quarantaine : « {told} ».",
        ),
        _WAIT,
    ),
}
