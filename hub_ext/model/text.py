"""Slugs, digests, and texts in two languages."""

from __future__ import annotations

import re
from dataclasses import dataclass

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Localised:
    """One text in the two languages of every page."""

    en: str
    fr: str

    def text(self, language: str) -> str:
        """The French text for "fr", else the English one."""
        return self.fr if language == "fr" else self.en
