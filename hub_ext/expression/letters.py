"""What letters say: that something waits, and where; nothing of data, projects or people."""

from __future__ import annotations

from hub_ext.model import Localised
from hub_ext.model.letters import LetterKind

SUBJECTS: dict[LetterKind, Localised] = {
    LetterKind.REQUEST_WAITS: Localised(
        "A request for access waits for a decision", "Une demande d’accès attend une décision"
    ),
    LetterKind.REQUEST_ASKED_BACK: Localised(
        "A question about your request waits for your answer",
        "Une question sur votre demande attend votre réponse",
    ),
    LetterKind.REQUEST_DECIDED: Localised(
        "Your request for access was decided", "Votre demande d’accès a reçu sa décision"
    ),
    LetterKind.PROPOSAL_WAITS: Localised(
        "A proposed member waits to be confirmed", "Un membre proposé attend d’être confirmé"
    ),
    LetterKind.PROPOSAL_DECIDED: Localised(
        "A member whom you proposed was decided on", "Un membre que vous avez proposé a reçu sa décision"
    ),
    LetterKind.GRANT_ENDS: Localised(
        "An access to data ends within 30 days", "Un accès à des données prend fin d’ici 30 jours"
    ),
    LetterKind.GPU_LOST: Localised("Your server lost its GPU", "Votre serveur a perdu son GPU"),
    LetterKind.QUEUE_STARTED: Localised(
        "Your turn for a GPU has come, and your server is being started",
        "Votre tour d’avoir un GPU est venu, et votre serveur démarre",
    ),
    LetterKind.QUEUE_FAILED: Localised(
        "Your turn for a GPU came, and your server could not be started",
        "Votre tour d’avoir un GPU est venu, et votre serveur n’a pas pu démarrer",
    ),
}
BODY = Localised(
    "{subject}.\n\nSign in to read and to act:\n{address}\n\nThis letter says no more on purpose.\n",
    "{subject}.\n\nConnectez-vous pour lire et pour agir :\n{address}\n\nCette lettre n’en dit pas plus, "
    "exprès.\n",
)


def letter_text(kind: LetterKind, language: str, address: str) -> tuple[str, str]:
    """Subject and text of a letter; `address` is the page that it leads to."""
    subject = SUBJECTS[kind].text(language)
    return f"hub-ext: {subject}", BODY.text(language).format(subject=subject, address=address)
