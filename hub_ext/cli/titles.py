"""Texts in two languages, of which people type one, both or none."""

from __future__ import annotations

from hub_ext.model import Localised


def merged(before: Localised, en: str | None, fr: str | None) -> Localised:
    """The former text, in the languages in which nothing else was typed."""
    return Localised(before.en if en is None else en, before.fr if fr is None else fr)
