"""The sentences of every refusal: the fact, then the next step, in both languages.

Names in braces are what `words` makes of a reason: its subject, its shown facts, and {ask}, which is
"Ask its steward (contact)". Where one code has several sentences, the second key of VARIANTS says which.
"""

from __future__ import annotations

from hub_ext.expression.reasons_blocks import BLOCKED, OF_BLOCKS, QUARANTINED
from hub_ext.expression.reasons_data import OF_DATA
from hub_ext.expression.reasons_machine import OF_MACHINE
from hub_ext.expression.reasons_rights import OF_RIGHTS
from hub_ext.expression.sentences import Sentences
from hub_ext.model import Localised
from hub_ext.model import ReasonCode as Code

SENTENCES: dict[Code, Sentences] = {**OF_RIGHTS, **OF_DATA, **OF_MACHINE, Code.BLOCKED: BLOCKED}

VARIANTS: dict[tuple[Code, str], Sentences] = {
    **OF_BLOCKS,
    **QUARANTINED,
    (Code.IMAGE_RETIRED, "successor"): (
        SENTENCES[Code.IMAGE_RETIRED][0],
        Localised('Choose "{successor}", which replaces it.', "Choisissez « {successor} », qui le remplace."),
    ),
    (Code.DATASET_UNKNOWN, "unnamed"): (
        Localised("A dataset is not on record any more.", "Un jeu de données n’est plus enregistré."),
        SENTENCES[Code.DATASET_UNKNOWN][1],
    ),
    (Code.VOLUME_QUARANTINED, "home"): (
        Localised(
            'Your home of the project "{subject}" is in quarantine.',
            "Votre dossier personnel du projet « {subject} » est en quarantaine.",
        ),
        SENTENCES[Code.VOLUME_QUARANTINED][1],
    ),
    (Code.GPUS_NONE_FREE, "no-device"): (
        Localised("No GPU is at work here.", "Aucun GPU n’est en service ici."),
        Localised(
            "Start without one; if there should be one, tell the operators.",
            "Démarrez sans ; s’il devrait y en avoir un, prévenez l’exploitation.",
        ),
    ),
    (Code.LINE_FULL, "you"): (
        Localised(
            "You wait in line {ceiling} times already, the most that is allowed.",
            "Vous attendez déjà {ceiling} fois dans la file, le plus qui soit permis.",
        ),
        Localised("Cancel one of them first.", "Annulez d’abord l’une de ces demandes."),
    ),
    (Code.OTHER_PROJECT_RUNNING, "several"): (
        SENTENCES[Code.OTHER_PROJECT_RUNNING][0],
        Localised("Stop it first.", "Arrêtez-le d’abord."),
    ),
    (Code.ALREADY_RUNNING, "unnamed"): (
        Localised(
            "Your server runs already, or is still stopping.",
            "Votre serveur est déjà en marche, ou finit de s’arrêter.",
        ),
        SENTENCES[Code.ALREADY_RUNNING][1],
    ),
}
