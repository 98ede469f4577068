"""Whose language: chosen on a page, else preferred by the browser."""

from __future__ import annotations

import re

LANGUAGE_COOKIE = "hub-ext-language"
LANGUAGES = ("en", "fr")

_ACCEPTED = re.compile(r"\s*([a-zA-Z]{1,8})(?:-[a-zA-Z0-9-]*)?\s*(?:;\s*q\s*=\s*([0-9.]+))?")


def language_of(chosen: str | None, accept_language: str, otherwise: str = "en") -> str:
    """The language of a reader whose cookie says `chosen` and whose browser sent that Accept-Language."""
    if chosen in LANGUAGES:
        return str(chosen)
    return accepted_language(accept_language) or otherwise


def accepted_language(header: str) -> str:
    """The best of ours in an Accept-Language header; "" where it names none."""
    best, weight = "", 0.0
    for part in header[:200].split(","):
        match = _ACCEPTED.fullmatch(part)
        if not match or match[1].lower() not in LANGUAGES:
            continue
        try:
            q = float(match[2] or 1)
        except ValueError:
            continue
        if q > weight:
            best, weight = match[1].lower(), q
    return best
