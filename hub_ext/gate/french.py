"""The French for every English text of the gate's pages; a test finds what is missing or no longer used."""

from __future__ import annotations

FRENCH = {
    "My servers": "Mes serveurs",
    "Open the server": "Ouvrir le serveur",
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
    "This server is not running": "Ce serveur n’est pas en marche",
    "What lay in your home and in the project's folder is kept.": (
        "Le contenu de votre dossier personnel et du dossier du projet est conservé."
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
}
