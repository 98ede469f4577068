"""A home or project folder in words: its title, and how much of its allowance it holds."""

from __future__ import annotations

from hub_ext.expression.words import size_text
from hub_ext.model import Localised, VolumeKind

_TITLES = {
    VolumeKind.HOME: Localised("Home", "Dossier personnel"),
    VolumeKind.PROJECT: Localised("Project folder", "Dossier du projet"),
}
_USED = Localised("{used} of {allowed}", "{used} sur {allowed}")
_ALLOWED = Localised("up to {allowed}", "jusqu’à {allowed}")


def folder_title(kind: VolumeKind, language: str) -> str:
    """What people call such a folder."""
    return _TITLES[kind].text(language)


def room_text(used_bytes: int | None, allowed_bytes: int, language: str) -> str:
    """Such as "3.2 GiB of 10 GiB"; "up to 10 GiB" where nothing was measured yet."""
    allowed = size_text(allowed_bytes, language)
    if used_bytes is None:
        return _ALLOWED.text(language).format(allowed=allowed)
    return _USED.text(language).format(used=size_text(used_bytes, language), allowed=allowed)
