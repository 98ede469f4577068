"""The French for every English text of the gate's pages; a test finds what is missing or no longer used."""

from __future__ import annotations

FRENCH = {
    "My servers": "Mes serveurs",
    "Open the server": "Ouvrir le serveur",
    "Restart or stop": "Redémarrer ou arrêter",
    "Sign out": "Se déconnecter",
    "Sign in again": "Se reconnecter",
    "Start it again": "Le redémarrer",
    "This server has an address of its own": "Ce serveur a une adresse à lui",
    "Open it from your servers, or send an API token in the Authorization header.": (
        "Ouvrez-le depuis vos serveurs, ou envoyez un jeton d’API dans l’en-tête Authorization."
    ),
    "You may not open this server": "Vous ne pouvez pas ouvrir ce serveur",
    "You are signed in, and this server is not yours and not shared with you.": (
        "Vous êtes connecté, et ce serveur n’est ni à vous ni partagé avec vous."
    ),
    "You are not signed in": "Vous n’êtes pas connecté",
    "Open the server in your browser to sign in, or send an API token that may access it.": (
        "Ouvrez le serveur dans votre navigateur pour vous connecter, ou envoyez un jeton d’API qui y donne "
        "accès."
    ),
    "Another site sent you here": "Un autre site vous a envoyé ici",
    "A page of another site made this request, so nothing was done. If you want to open your server, "
    "use the button.": (
        "Une page d’un autre site a fait cette demande ; rien n’a donc été fait. Pour ouvrir votre serveur, "
        "utilisez le bouton."
    ),
    "The address contains a token": "L’adresse contient un jeton",
    "Addresses are kept and passed on. Send an API token in the Authorization header.": (
        "Les adresses sont conservées et transmises. Envoyez un jeton d’API dans l’en-tête Authorization."
    ),
    "This server is not running": "Ce serveur n’est pas en marche",
    "What lay in your home and in the project's folder is kept.": (
        "Le contenu de votre dossier personnel et du dossier du projet est conservé."
    ),
    "This server is starting": "Ce serveur démarre",
    "This page opens it as soon as it is there.": "Cette page l’ouvre dès qu’il est prêt.",
    "This server is stopping": "Ce serveur s’arrête",
    "What lay in your home and in the project's folder is kept. This page tries again by itself.": (
        "Le contenu de votre dossier personnel et du dossier du projet est conservé. Cette page réessaie "
        "d’elle-même."
    ),
    "The sign-in was not completed": "La connexion n’a pas abouti",
    "It took too long, was begun in another browser, or your browser keeps no cookies. Try again.": (
        "Elle a pris trop de temps, a commencé dans un autre navigateur, ou votre navigateur refuse les "
        "cookies. Réessayez."
    ),
    "The service does not answer right now": "Le service ne répond pas pour le moment",
    "Notebooks that run are not affected. This page tries again by itself.": (
        "Les notebooks en marche ne sont pas touchés. Cette page réessaie d’elle-même."
    ),
    "This address cannot be used": "Cette adresse ne peut pas être utilisée",
    "Go to your servers and open the one that you want.": (
        "Allez à vos serveurs et ouvrez celui que vous voulez."
    ),
    "There is no such page": "Cette page n’existe pas",
    "Something of ours failed": "Une erreur s’est produite de notre côté",
    "Try again; if it lasts, tell the operators what time it is.": (
        "Réessayez ; si cela dure, indiquez l’heure à l’exploitation."
    ),
    # the page of a session
    "Main server": "Serveur principal",
    "More time ({hours} h)": "Plus de temps ({hours} h)",
    "still possible: {left}": "encore possible : {left}",
    "This session": "Cette session",
    "Project": "Projet",
    "Environment": "Environnement",
    "(revision {number})": "(révision {number})",
    "Datasets": "Jeux de données",
    "(version {number})": "(version {number})",
    "none": "aucun",
    "CPUs": "CPU",
    "Memory": "Mémoire",
    "GPUs": "GPU",
    "Started": "Démarrage",
    "Ends": "Fin",
    "After {time} without use.": "Après {time} sans utilisation.",
    "After {time} of work that nobody looks at.": "Après {time} de calcul que personne ne suit.",
    "Not for idleness before {moment}: more time was asked for.": (
        "Pas pour inactivité avant le {moment} : du temps a été demandé."
    ),
    "Kept when the server stops": "Conservé à l’arrêt du serveur",
    "Lost: everything else, and what runs.": "Perdu : tout le reste, et ce qui tourne.",
    "Programs in the server read these facts in the file that HUB_EXT_SESSION names.": (
        "Les programmes du serveur lisent ces informations dans le fichier que nomme HUB_EXT_SESSION."
    ),
    "Time zone: {zone}": "Fuseau horaire : {zone}",
    "This server is not about to be stopped: there is nothing to extend.": (
        "Ce serveur n’est pas sur le point d’être arrêté : il n’y a rien à prolonger."
    ),
    "More time was asked for as often as is allowed here. Use the server, or save your work.": (
        "Du temps a été demandé aussi souvent que c’est permis ici. Utilisez le serveur, ou enregistrez "
        "votre travail."
    ),
    "This page was from an earlier sign-in. Press the button again.": (
        "Cette page datait d’une connexion précédente. Appuyez de nouveau sur le bouton."
    ),
    "There is no more time": "Il n’y a pas plus de temps",
}
