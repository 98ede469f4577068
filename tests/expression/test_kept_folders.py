"""Home and project folder in both languages."""

from __future__ import annotations

import pytest

from hub_ext.expression.kept_folders import folder_title, room_text
from hub_ext.model import VolumeKind

GIB = 1024**3


def test_each_kind_has_a_title_in_both_languages() -> None:
    titles = {folder_title(kind, language) for kind in VolumeKind for language in ("en", "fr")}
    assert titles == {"Home", "Project folder", "Dossier personnel", "Dossier du projet"}


@pytest.mark.parametrize(
    ("used", "language", "text"),
    [
        (3 * GIB // 2, "en", "1.5 GiB of 10 GiB"),
        (3 * GIB // 2, "fr", "1,5 Gio sur 10 Gio"),
        (None, "en", "up to 10 GiB"),
        (None, "fr", "jusqu’à 10 Gio"),
    ],
)
def test_its_room_is_said_of_its_allowance(used: int | None, language: str, text: str) -> None:
    assert room_text(used, 10 * GIB, language) == text
