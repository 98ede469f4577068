"""What the tables of sentences share."""

from __future__ import annotations

from hub_ext.model import Localised

# The fact, then the next step.
Sentences = tuple[Localised, Localised]

CHOOSE_AGAIN = Localised("Choose again on the start page.", "Choisissez de nouveau sur la page de démarrage.")
