"""Slugs, digests, and texts in two languages."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def visible(text: str) -> bool:
    """Whether all of it is one line that a reader sees as it is kept.

    Controls and marks of direction show another text than the one that is kept; the spaces that French puts
    before a colon are letters like others.
    """
    return all(letter.isprintable() or unicodedata.category(letter) == "Zs" for letter in text)


@dataclass(frozen=True, slots=True)
class Localised:
    """One text in the two languages of every page."""

    en: str
    fr: str

    def text(self, language: str) -> str:
        """The French text for "fr", else the English one."""
        return self.fr if language == "fr" else self.en
