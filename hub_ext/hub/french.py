"""The French for every English text of the Hub's pages; a test finds what is missing or no longer used."""

from __future__ import annotations

FRENCH = {
    # page
    "Notebooks on confidential data": "Des notebooks sur des données confidentielles",
    "My servers": "Mes serveurs",
    "Light or dark": "Clair ou sombre",
    "Sign out": "Se déconnecter",
    # sign-in
    "Sign in": "Se connecter",
    "Sign in with {service}": "Se connecter avec {service}",
    "Username": "Identifiant",
    "Password": "Mot de passe",
    "This page is not encrypted: what you type can be read on the way.": (
        "Cette page n’est pas chiffrée : ce que vous tapez peut être lu en chemin."
    ),
    "Invalid username or password": "Identifiant ou mot de passe incorrect",
    "Login form invalid or expired. Try again.": "Le formulaire a expiré. Réessayez.",
    # home
    "Main server": "Serveur principal",
    "running": "en marche",
    "in between": "en transition",
    "Project": "Projet",
    "Environment": "Environnement",
    "Datasets": "Jeux de données",
    "none": "aucun",
    "almost full": "presque plein",
    "{hours} more hours": "{hours} heures de plus",
    "still possible: {left}": "encore possible : {left}",
    "Your right ends": "Fin de votre droit",
    "It ended": "Fin",
    "{server} waits for a GPU": "{server} : en attente d’un GPU",
    "Your turn has come: the server is being started.": "Votre tour est venu : le serveur démarre.",
    "Place {number} of {of}.": "Place {number} sur {of}.",
    "On hold: your limits, a server of that name that runs, or the operators do not allow it now.": (
        "En suspens : vos limites, un serveur de ce nom en marche ou l’exploitation ne le permettent pas "
        "en ce moment."
    ),
    "Your turn comes by about {moment} at the latest, as things stand.": (
        "Votre tour vient au plus tard vers le {moment}, en l’état."
    ),
    "When your turn comes is not known.": "On ne sait pas quand votre tour viendra.",
    "The server starts by itself.": "Le serveur démarrera de lui-même.",
    "See the line, or cancel": "Voir la file, ou annuler",
    "Your turn for a GPU came, and your server could not be started ({moment}).": (
        "Votre tour d’avoir un GPU est venu, et votre serveur n’a pas pu démarrer ({moment})."
    ),
    "Open": "Ouvrir",
    "Session": "Session",
    "See how far it is": "Voir où il en est",
    "Choose and start": "Choisir et démarrer",
    "Stop it": "L’arrêter",
    "Stopping…": "Arrêt…",
    "Remove from this list": "Retirer de cette liste",
    "Name of another server": "Nom d’un autre serveur",
    "name-of-another-server": "nom-d-un-autre-serveur",
    "Small letters, digits and hyphens; not a word of Jupyter's addresses, such as lab": (
        "Des lettres minuscules, des chiffres et des traits d’union ; pas un mot des adresses de Jupyter, "
        "comme lab"
    ),
    "Choose and start another": "En choisir et démarrer un autre",
    "Kept when a server stops: your home and the project's folder. Lost: everything else, and what runs.": (
        "Conservés à l’arrêt d’un serveur : votre dossier personnel et celui du projet. "
        "Perdus : tout le reste, et ce qui tourne."
    ),
    # restart
    "Restart or stop this server?": "Redémarrer ou arrêter ce serveur ?",
    "A restart stops it and starts it again with the same choice, where that may still be started. "
    "A GPU may meanwhile go to somebody who waits for one.": (
        "Un redémarrage l’arrête et le démarre à nouveau avec le même choix, si celui-ci peut encore être "
        "démarré. Un GPU peut entre-temps aller à quelqu’un qui en attend un."
    ),
    "Restart it": "Le redémarrer",
    "Leave it running": "Le laisser tourner",
    # tokens, and the end
    "Tokens for programs": "Jetons pour les programmes",
    "With a token a program may do in your name what you may do yourself: keep it like a password.": (
        "Avec un jeton, un programme peut faire en votre nom ce que vous pouvez faire : "
        "gardez-le comme un mot de passe."
    ),
    "What it is for": "À quoi il sert",
    "So that you know it again in the list below.": "Pour le reconnaître dans la liste ci-dessous.",
    "Valid for": "Valable",
    "an hour": "une heure",
    "a day": "un jour",
    "a week": "une semaine",
    "30 days": "30 jours",
    "Scopes": "Portées",
    "The Hub's names of what it may do, with spaces between. Empty: everything that you may do.": (
        "Ce qu’il peut faire, sous les noms du Hub, séparés par des espaces. "
        "Vide : tout ce que vous pouvez faire."
    ),
    "Make a token": "Créer un jeton",
    "Copy it now: it is not shown again.": "Copiez-le maintenant : il ne sera plus affiché.",
    "Tokens that exist": "Jetons existants",
    "Show": "Afficher",
    "Last used": "Dernier usage",
    "Made": "Créé",
    "Valid until": "Valable jusqu’au",
    "never": "jamais",
    "never ends": "sans fin",
    "Revoke": "Révoquer",
    "Pages that know you": "Pages qui vous connaissent",
    "Where you are signed in through the Hub.": "Ouvertes par la connexion au Hub.",
    "Page": "Page",
    "First used": "Premier usage",
    "You are signed out": "Votre session est fermée",
    # form
    "Start a notebook server": "Démarrer un serveur de notebooks",
    "For {name}": "Pour {name}",
    "There is nothing that you could start now.": "Vous ne pouvez rien démarrer pour l’instant.",
    "A server belongs to one project. Its home is apart from your other projects' homes.": (
        "Un serveur appartient à un seul projet. "
        "Son dossier personnel est séparé de ceux de vos autres projets."
    ),
    "Read-only, in /data. Tick what you need now; nothing else will be visible.": (
        "En lecture seule, dans /data. Cochez ce dont vous avez besoin ; rien d’autre ne sera visible."
    ),
    "Terms of use of {title}, version {number}": ("Conditions d’utilisation de {title}, version {number}"),
    "I have read these terms and accept them.": "J’ai lu ces conditions et je les accepte.",
    "No dataset is granted to this project now.": (
        "Aucun jeu de données n’est accordé à ce projet pour l’instant."
    ),
    "Size": "Taille",
    "GPUs": "GPU",
    "They are yours until the server stops.": "Ils sont à vous jusqu’à l’arrêt du serveur.",
    "If no GPU is free, wait in line; the server starts by itself.": (
        "Si aucun GPU n’est libre, attendre dans la file ; le serveur démarrera de lui-même."
    ),
    "{count}: by waiting in line": "{count} : dans la file d’attente",
    "It will go away: move to another one.": "Il va disparaître : passez à un autre.",
    "Granted until {day}.": "Accordé jusqu’au {day}.",
    "What you used last cannot be started any more:": (
        "Ce que vous avez utilisé la dernière fois ne peut plus être démarré :"
    ),
    "Start": "Démarrer",
    "Starting…": "Démarrage…",
    "Cannot be together with {title}.": "Ne peut pas être réuni avec {title}.",
    # a server that starts, stops or fails
    "Your server is starting": "Votre serveur démarre",
    "This page opens it as soon as it is ready.": "Cette page l’ouvrira dès qu’il sera prêt.",
    "Progress": "Progression",
    "Choose again": "Choisir de nouveau",
    "What happened so far": "Ce qui s’est passé jusqu’ici",
    "Your server waits in line": "Votre serveur attend dans la file",
    "Your server did not start": "Votre serveur n’a pas démarré",
    "Something of ours failed. Try again; if it lasts, tell the operators what time it is.": (
        "Une erreur s’est produite chez nous. Réessayez ; si elle persiste, "
        "indiquez l’heure à l’exploitation."
    ),
    "This server is not running": "Ce serveur est arrêté",
    "What lay in your home and in the project's folder is kept.": (
        "Ce qui se trouvait dans votre dossier personnel et dans celui du projet est conservé."
    ),
    "Your server is stopping": "Votre serveur s’arrête",
    "You can start it again as soon as it has stopped.": (
        "Vous pourrez le redémarrer dès qu’il sera arrêté."
    ),
    "Look again": "Regarder encore",
    # the steps of a start
    "Waiting in line: place {number}": "En file d’attente : place {number}",
    "Fetching the environment: {number} %": "Récupération de l’environnement : {number} %",
    "Opening your home and the project's folder": (
        "Ouverture de votre dossier personnel et de celui du projet"
    ),
    "Preparing the server with your data": "Préparation du serveur avec vos données",
    "Starting the server": "Démarrage du serveur",
    "Waiting for the server to answer": "Attente de la réponse du serveur",
    # failures
    "The registry, from which the environment comes, does not answer.": (
        "Le registre d’où vient l’environnement ne répond pas."
    ),
    "The registry, from which the environment comes, refused our password.": (
        "Le registre d’où vient l’environnement a refusé notre mot de passe."
    ),
    "The registry's certificate is not one that the engine trusts.": (
        "Le certificat du registre n’est pas reconnu par le moteur."
    ),
    "The environment's registry is not configured any more.": (
        "Le registre de l’environnement n’est plus configuré."
    ),
    "The registry does not have this environment any more. Choose another one to start now.": (
        "Le registre n’a plus cet environnement. Choisissez-en un autre pour démarrer maintenant."
    ),
    "The disk is full: the environment does not fit.": (
        "Le disque est plein : l’environnement n’y tient pas."
    ),
    "Fetching the environment took too long.": "La récupération de l’environnement a pris trop de temps.",
    "Your home or the project's folder is missing, and nothing is started without it.": (
        "Votre dossier personnel ou celui du projet manque, et rien n’est démarré sans lui."
    ),
    "The server would not have been what was decided, and was removed.": (
        "Le serveur n’aurait pas été conforme à la décision, et a été retiré."
    ),
    "The server ran out of memory while it started. Choose a larger size.": (
        "La mémoire a manqué au démarrage du serveur. Choisissez une taille plus grande."
    ),
    "As many servers run as the closed network has addresses. Try again once one has ended.": (
        "Autant de serveurs tournent que le réseau fermé a d’adresses. "
        "Réessayez dès que l’un d’eux s’est arrêté."
    ),
    "The server did not answer in time. A larger size, or another try, may help.": (
        "Le serveur n’a pas répondu à temps. Une taille plus grande ou un autre essai peuvent aider."
    ),
    "The server ended by itself while it started.": "Le serveur s’est arrêté de lui-même en démarrant.",
    "The server was stopped while it started.": "Le serveur a été arrêté pendant son démarrage.",
    "The engine that runs the servers does not answer. Servers that run are not affected.": (
        "Le moteur qui fait tourner les serveurs ne répond pas. Les serveurs en marche ne sont pas touchés."
    ),
    "The environment could not be fetched.": "L’environnement n’a pas pu être récupéré.",
    "The engine that runs the servers failed.": "Le moteur qui fait tourner les serveurs a échoué.",
    "The record cannot be written, and nothing is started without it.": (
        "Le journal ne peut pas être écrit, et rien n’est démarré sans lui."
    ),
    "Something of ours failed.": "Une erreur s’est produite chez nous.",
    "If it lasts, give the operators this number: {launch_id}.": (
        "Si cela dure, donnez ce numéro à l’exploitation : {launch_id}."
    ),
    # errors
    "This server has already been started": "Ce serveur a déjà été démarré",
    "Nothing was changed. You find it among your servers.": (
        "Rien n’a été modifié. Vous le trouverez parmi vos serveurs."
    ),
    "Forbidden": "Accès refusé",
    "Not Found": "Introuvable",
    "No access to resources or resources not found": "Cela n’existe pas, ou n’est pas à vous.",
    "Bad Request": "Requête incorrecte",
    "Internal Server Error": "Erreur interne",
    "Service Unavailable": "Service indisponible",
}
