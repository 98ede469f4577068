"""What the review of an image found, in the curator's language: the fact, then what to do about it."""

from __future__ import annotations

from hub_ext.model import Finding, ImageState, Localised
from hub_ext.model import FindingCode as Code
from hub_ext.model.image_checks import CheckOutcome
from hub_ext.model.interfaces import InterfaceKind, PrefixHandling, SecretScheme

STATES: dict[ImageState, Localised] = {
    ImageState.DRAFT: Localised("draft", "brouillon"),
    ImageState.PUBLISHED: Localised("published", "publiée"),
    ImageState.DEPRECATED: Localised("deprecated", "déconseillée"),
    ImageState.RETIRED: Localised("retired", "retirée"),
}
OUTCOMES: dict[CheckOutcome, Localised] = {
    CheckOutcome.RUNNING: Localised("Under way", "En cours"),
    CheckOutcome.PASSED: Localised("Passed", "Réussi"),
    CheckOutcome.NO_SMOKE_TEST: Localised(
        "Passed: its server answers; it has no smoke test",
        "Réussi : son serveur répond ; l’image n’a pas de test à elle",
    ),
    CheckOutcome.FAILED: Localised("Failed", "Échoué"),
    CheckOutcome.NO_SERVER: Localised(
        "Failed: its server did not come up", "Échoué : son serveur n’a pas démarré"
    ),
    CheckOutcome.OUT_OF_MEMORY: Localised(
        "Failed: it took more memory than it may", "Échoué : mémoire épuisée"
    ),
    CheckOutcome.TIMED_OUT: Localised("Failed: it did not end in time", "Échoué : pas terminé à temps"),
    CheckOutcome.ERROR: Localised(
        "Not known: the engine or the registry failed", "Inconnu : le moteur ou le registre a échoué"
    ),
    CheckOutcome.INTERRUPTED: Localised("Interrupted", "Interrompu"),
}
INTERFACES: dict[InterfaceKind, Localised] = {
    InterfaceKind.JUPYTER: Localised("Jupyter", "Jupyter"),
    InterfaceKind.COMMAND: Localised("Another program", "Un autre programme"),
}
PREFIXES: dict[PrefixHandling, Localised] = {
    PrefixHandling.STRIPPED: Localised(
        "Taken away: the program seems to lie at /", "Enlevé : le programme se croit à la racine /"
    ),
    PrefixHandling.KEPT: Localised("Kept", "Gardé"),
}
SCHEMES: dict[SecretScheme, Localised] = {
    SecretScheme.NONE: Localised("Nothing", "Rien"),
    SecretScheme.TOKEN: Localised("Authorization: token …", "Authorization: token …"),
    SecretScheme.BEARER: Localised("Authorization: Bearer …", "Authorization: Bearer …"),
}
PACKAGES: dict[str, Localised] = {
    "python": Localised("Python packages", "Paquets Python"),
    "r": Localised("R packages", "Paquets R"),
    "server": Localised("Packages of the notebook server", "Paquets du serveur de notebooks"),
    "env": Localised("Environment", "Environnement"),
}
SENTENCES: dict[Code, Localised] = {
    Code.PLATFORM: Localised(
        "The image is for {image}, and this node runs {node}. Build it for {node}.",
        "L’image est faite pour {image}, et ce nœud est en {node}. Construisez-la pour {node}.",
    ),
    Code.TOO_LARGE: Localised(
        "The image has {size} compressed, above {most}. Leave out what notebooks do not need.",
        "L’image compressée fait {size}, plus que {most}. Retirez ce dont les notebooks n’ont pas besoin.",
    ),
    Code.TOO_MANY_LAYERS: Localised(
        "The image has {layers} layers, and the engine takes {most}. Join steps of its Dockerfile.",
        "L’image a {layers} couches, et le moteur en accepte {most}. Regroupez des étapes du Dockerfile.",
    ),
    Code.VOLUMES: Localised(
        "The image declares volumes ({names}) where servers have folders of their own, or where none can be. "
        "Remove VOLUME from its Dockerfile; if its base image declares them, build on another one.",
        "L’image déclare des volumes ({names}) à l’intérieur des dossiers des serveurs, ou là où il ne peut "
        "pas y en avoir. Retirez VOLUME du Dockerfile ; si l’image de base les déclare, partez d’une autre.",
    ),
    Code.VOLUMES_EMPTY: Localised(
        "The image declares volumes ({names}). In servers these folders are empty at the start, lie in "
        "memory, and end with the server.",
        "L’image déclare des volumes ({names}). Dans les serveurs, ces dossiers sont vides au départ, "
        "restent en mémoire et disparaissent avec le serveur.",
    ),
    Code.CONTRACT_MISSING: Localised(
        "The image did not say that it starts as servers had to. Nothing of the kind is needed any more: "
        "look at its tag again.",
        "L’image ne disait pas qu’elle démarre comme il le fallait. Ce n’est plus demandé : relisez son "
        "étiquette dans le registre.",
    ),
    Code.RESERVED_LABELS: Localised(
        "The image carries labels by which hub-ext knows its own containers ({names}). Remove them.",
        "L’image porte des étiquettes réservées aux conteneurs de hub-ext ({names}). Retirez-les.",
    ),
    Code.USER_IGNORED: Localised(
        "The image would run as {user}; servers run as their person's own uid.",
        "L’image s’exécuterait comme {user} ; les serveurs s’exécutent sous l’uid de leur personne.",
    ),
    Code.ENTRYPOINT_IGNORED: Localised(
        "The image's entry point ({names}) is not used.",
        "Le point d’entrée de l’image ({names}) n’est pas utilisé.",
    ),
    Code.HEALTHCHECK_IGNORED: Localised(
        "The image's health check is turned off.",
        "Le contrôle de santé de l’image est désactivé.",
    ),
    Code.ENV_EMPTIED: Localised(
        "The image sets {names}; for safety, servers start with them empty. Check that it works without, or "
        "allow them for this entry.",
        "L’image définit {names} ; par sécurité, les serveurs les reçoivent vides. Vérifiez qu’elle s’en "
        "passe, ou autorisez-les pour cette entrée.",
    ),
    Code.ENV_ALLOWED: Localised(
        "The image sets {names}, which this entry allows: servers get them as the image has them.",
        "L’image définit {names}, que cette entrée autorise : les serveurs les reçoivent telles quelles.",
    ),
    Code.ENV_UNSAFE: Localised(
        "{names} of the image holds a folder that is empty or not below /usr, /opt, /lib or /lib64, and "
        "cannot be allowed. Build it with such folders alone, or empty the variable again.",
        "{names} de l’image contient un dossier vide ou hors de /usr, /opt, /lib et /lib64, et ne peut pas "
        "être autorisé. Construisez-la avec de tels dossiers seulement, ou videz de nouveau la variable.",
    ),
    Code.ENV_OVERRIDDEN: Localised(
        "The image sets {names}; servers get our values.",
        "L’image définit {names} ; les serveurs reçoivent nos valeurs.",
    ),
    Code.ENV_SECRET: Localised(
        "The image seems to hold secrets in {names}: whoever may start it reads them. Build it without, and "
        "change what was in it.",
        "L’image semble contenir des secrets dans {names} : qui peut la démarrer les lit. Construisez-la "
        "sans, et changez ces secrets.",
    ),
    Code.REVISION_NONE: Localised(
        "{entry} has no revision. Run `hub-ext catalogue refresh {entry}` first.",
        "{entry} n’a pas de révision. Lancez d’abord `hub-ext catalogue refresh {entry}`.",
    ),
    Code.REVISION_UNKNOWN: Localised(
        "{entry} has no revision {revision}. `hub-ext catalogue show {entry}` lists them.",
        "{entry} n’a pas de révision {revision}. `hub-ext catalogue show {entry}` les énumère.",
    ),
    Code.REVISION_CURRENT: Localised(
        "{entry} launches revision {revision} already. Run `hub-ext catalogue refresh {entry}` to look for a "
        "newer one.",
        "{entry} démarre déjà la révision {revision}. Lancez `hub-ext catalogue refresh {entry}` pour en "
        "chercher une plus récente.",
    ),
    Code.CHECK_FAILED: Localised(
        "The last check of revision {revision} of {entry} failed. Its log says why; publish it only where "
        "you know better.",
        "La dernière vérification de la révision {revision} de {entry} a échoué. Son journal dit pourquoi ; "
        "ne la publiez que si vous savez ce qu’il en est.",
    ),
    Code.REVISION_NOT_EARLIER: Localised(
        "Revision {revision} of {entry} is not earlier than the present one, {current}. To go on, publish.",
        "La révision {revision} de {entry} n’est pas antérieure à l’actuelle, {current}. Sinon, publiez.",
    ),
    Code.REVISION_NEVER_PUBLISHED: Localised(
        "Revision {revision} of {entry} was never published. Publish it by its number if it is the one.",
        "La révision {revision} de {entry} n’a jamais été publiée. Publiez-la par son numéro au besoin.",
    ),
    Code.EARLIER_NONE: Localised(
        "{entry} has no published revision before {revision}. Publish another one, or retire the entry.",
        "{entry} n’a pas de révision publiée avant {revision}. Publiez-en une autre, ou retirez l’entrée.",
    ),
    Code.STATE_DRAFT: Localised(
        "{entry} is a draft: nobody launches it yet. Publish it first.",
        "{entry} est un brouillon : personne ne la démarre encore. Publiez-la d’abord.",
    ),
    Code.STATE_RETIRED: Localised(
        "{entry} is retired. Publish it again to bring it back.",
        "{entry} est retirée. Publiez-la de nouveau pour la remettre en service.",
    ),
    Code.SUCCESSOR_UNKNOWN: Localised(
        "There is no {successor} to follow {entry}. `hub-ext catalogue list` shows all entries.",
        "Il n’y a pas de {successor} pour succéder à {entry}. `hub-ext catalogue list` montre les entrées.",
    ),
    Code.SUCCESSOR_ITSELF: Localised(
        "{entry} cannot follow itself. Name another entry, or none.",
        "{entry} ne peut pas se succéder à elle-même. Nommez une autre entrée, ou aucune.",
    ),
    Code.SUCCESSOR_NOT_PUBLISHED: Localised(
        "{successor}, which should follow {entry}, cannot be launched. Publish it first.",
        "{successor}, qui doit succéder à {entry}, ne peut pas être démarrée. Publiez-la d’abord.",
    ),
    Code.SUCCESSOR_CIRCLE: Localised(
        "{successor} leads back to {entry}. Name an entry that does not.",
        "{successor} ramène à {entry}. Nommez une entrée qui n’y ramène pas.",
    ),
    Code.IMAGE_MOVED: Localised(
        "{entry} lies at {now}, and so do its revisions; the file says {stated}. Give the image at the other "
        "place a slug of its own.",
        "{entry} se trouve à {now}, et ses révisions aussi ; le fichier dit {stated}. Donnez à l’image de "
        "l’autre endroit son propre identifiant.",
    ),
    Code.DIGEST_OTHER: Localised(
        "Revision {revision} of {entry} is {now}; the file says {stated}. Give that digest a new number.",
        "La révision {revision} de {entry} est {now} ; le fichier dit {stated}. Donnez un nouveau numéro à "
        "l’autre empreinte.",
    ),
    Code.DIGEST_GONE: Localised(
        "The registry does not hold {digest}, revision {revision} of {entry}. Push it again, or name a "
        "revision that is there.",
        "Le registre n’a pas {digest}, révision {revision} de {entry}. Envoyez-la de nouveau, ou nommez une "
        "révision présente.",
    ),
    Code.STATE_NO_DRAFT: Localised(
        "{entry} is not a draft any more, and cannot become one. Retire it instead.",
        "{entry} n’est plus un brouillon et ne peut pas le redevenir. Retirez-la plutôt.",
    ),
    Code.REVISION_RETIRED: Localised(
        "{entry} is retired and launched revision {current} last; the file says {revision}. Publish it to "
        "launch another one.",
        "{entry} est retirée et sa dernière révision démarrée est {current} ; le fichier dit {revision}. "
        "Publiez-la pour en démarrer une autre.",
    ),
    Code.PROJECT_UNKNOWN: Localised(
        "There is no project {project}, which {entry} names. Add it first, or leave it out.",
        "Il n’y a pas de projet {project}, que nomme {entry}. Ajoutez-le d’abord, ou ne le nommez pas.",
    ),
    Code.REGISTRY_UNKNOWN: Localised(
        "There is no registry {registry}, which {entry} names. Add it to the settings, or name another.",
        "Il n’y a pas de registre {registry}, que nomme {entry}. Ajoutez-le aux réglages, ou nommez-en un "
        "autre.",
    ),
}


def finding_text(finding: Finding, language: str = "en") -> str:
    """The sentences of one finding. Plain text: a page escapes it."""
    return SENTENCES[finding.code].text(language).format(**dict(finding.shown))
