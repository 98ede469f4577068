"""The sentences of refusals about sizes, GPUs, disk and what was asked for: the fact, then the next step."""

from __future__ import annotations

from hub_ext.expression.sentences import CHOOSE_AGAIN, Sentences
from hub_ext.model import Localised
from hub_ext.model import ReasonCode as Code

_SMALLER = Localised("Choose a smaller size.", "Choisissez une taille plus petite.")

OF_MACHINE: dict[Code, Sentences] = {
    Code.SIZE_UNKNOWN: (
        Localised('There is no size "{subject}".', "Il n’y a pas de taille « {subject} »."),
        CHOOSE_AGAIN,
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
    Code.GPUS_WAITED_FOR: (
        Localised(
            "GPUs asked for: {asked}; free now: {free}; requests in line before yours: {before}.",
            "GPU demandés : {asked} ; libres en ce moment : {free} ; "
            "demandes dans la file avant la vôtre : {before}.",
        ),
        Localised(
            "Wait in line: tick the box under the number of GPUs. Or start without a GPU.",
            "Entrez dans la file : cochez la case sous le nombre de GPU. Ou démarrez sans GPU.",
        ),
    ),
    Code.GPUS_IN_LINE: (
        Localised(
            "You wait in line for GPUs ({asked}): place {place} of {of}.{by_then}",
            "Vous êtes dans la file pour des GPU ({asked}) : place {place} sur {of}.{by_then}",
        ),
        Localised(
            "The server starts by itself when its turn comes; you may close this page.",
            "Le serveur démarrera de lui-même à son tour ; vous pouvez fermer cette page.",
        ),
    ),
    Code.LINE_FULL: (
        Localised(
            "The line is full: {ceiling} requests wait already.",
            "La file est pleine : {ceiling} demandes y attendent déjà.",
        ),
        Localised("Try again later.", "Réessayez plus tard."),
    ),
    Code.LINE_LEFT: (
        Localised(
            "This request does not wait in line any more.", "Cette demande n’attend plus dans la file."
        ),
        Localised("Ask again.", "Refaites votre demande."),
    ),
    Code.START_NOT_TAKEN: (
        Localised(
            "The Hub did not take the start of this server.",
            "Le Hub n’a pas accepté le démarrage de ce serveur.",
        ),
        Localised(
            "Start it yourself; if that fails too, tell the operators.",
            "Démarrez-le vous-même ; si cela échoue aussi, prévenez l’exploitation.",
        ),
    ),
    Code.GPUS_HELD: (
        Localised(
            "GPUs asked for: {asked}; held already by {holder}: {held}; allowed at the same time: {ceiling}.",
            "GPU demandés : {asked} ; déjà détenus par {holder} : {held} ; permis en même temps : {ceiling}.",
        ),
        Localised(
            "Start without a GPU, or stop a server that holds one.",
            "Démarrez sans GPU, ou arrêtez un serveur qui en détient un.",
        ),
    ),
    Code.GPU_HOURS_USED: (
        Localised(
            "GPU-hours used this month by {holder}: {used} of {ceiling}.",
            "Heures de GPU utilisées ce mois-ci par {holder} : {used} sur {ceiling}.",
        ),
        Localised(
            "Start without a GPU, wait for the next month, or ask the operators for more hours.",
            "Démarrez sans GPU, attendez le mois prochain, ou demandez plus d’heures à l’exploitation.",
        ),
    ),
    Code.LEASE_ENDED: (
        Localised(
            "The time for which it had its GPU is over.", "Le temps pour lequel il avait son GPU est écoulé."
        ),
        Localised(
            "Start again, with a GPU when your limits allow one, or without.",
            "Redémarrez, avec un GPU quand vos limites en permettent un, ou sans.",
        ),
    ),
    Code.SERVER_NAME_RESERVED: (
        Localised(
            'A server cannot be called "{subject}": that address is a page of your main server.',
            "Un serveur ne peut pas s’appeler « {subject} » : cette adresse est une page de votre serveur "
            "principal.",
        ),
        Localised("Give it another name.", "Donnez-lui un autre nom."),
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
    Code.OTHER_PROJECT_RUNNING: (
        Localised(
            'A server of yours in the project "{subject}" runs, or is still stopping; here, a person has '
            "servers of one project at a time.",
            "Un de vos serveurs du projet « {subject} » est en marche, ou finit de s’arrêter ; ici, on a des "
            "serveurs d’un seul projet à la fois.",
        ),
        Localised(
            'Stop it first, or choose the project "{subject}".',
            "Arrêtez-le d’abord, ou choisissez le projet « {subject} ».",
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
        CHOOSE_AGAIN,
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
