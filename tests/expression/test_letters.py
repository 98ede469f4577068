"""Every letter in both languages, with its address and nothing else."""

from __future__ import annotations

import pytest

from hub_ext.expression.letters import SUBJECTS, letter_text
from hub_ext.model.letters import LetterKind


def test_every_kind_has_words() -> None:
    assert set(SUBJECTS) == set(LetterKind)


@pytest.mark.parametrize("kind", LetterKind)
def test_its_words(kind: LetterKind) -> None:
    english, french = (letter_text(kind, language, "https://x/requests/req-1") for language in ("en", "fr"))
    assert english != french
    for subject, text in (english, french):
        assert subject.startswith("hub-ext: ")
        assert "https://x/requests/req-1" in text
        assert "{" not in subject + text
