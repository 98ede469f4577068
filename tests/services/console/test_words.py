"""Every text of the console has its French, in the catalogue of its area, and none is left over."""

from __future__ import annotations

import string
from collections import Counter
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from hub_ext.services.console.words import LOCALE, translator
from tests.support.phrases import WORDS, said

CONSOLE = LOCALE.parent
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
CATALOGUES = sorted((LOCALE / "fr" / "LC_MESSAGES").glob("*.po"))


def shown() -> set[str]:
    """Every text that a page or a handler marks with `_`, and all that errors and findings say."""
    words = {word.value for words in WORDS for word in words}
    return _marked() | {one.template for one in said()[0] if not one.wordless} | words


def _marked() -> set[str]:
    return {
        text
        for _, _, text, _, _ in extract_from_dir(str(CONSOLE), METHODS, options_map={}, keywords={"_": None})
        if isinstance(text, str)
    }


def french(path: Path) -> dict[str, str]:
    with path.open("rb") as source:
        held = read_po(source, locale="fr", abort_invalid=True)
    assert not any(message.fuzzy for message in held if message.id)
    return {str(message.id): str(message.string) for message in held if message.id}


def every_french() -> dict[str, str]:
    return {text: words for path in CATALOGUES for text, words in french(path).items()}


def test_the_texts_are_found() -> None:
    assert {"Home", "Sign out", "Fill this in."} <= shown()


def test_every_text_has_its_french() -> None:
    missing = sorted(shown() - {text for text, words in every_french().items() if words})
    assert not missing, "\n".join(missing)


def test_no_french_is_left_over() -> None:
    assert sorted(set(every_french()) - shown()) == []


def test_no_text_stands_in_two_areas() -> None:
    count = Counter(text for path in CATALOGUES for text in french(path))
    assert [text for text, times in count.items() if times > 1] == []


@pytest.mark.parametrize("text", sorted(every_french()))
def test_the_french_keeps_what_is_filled_in(text: str) -> None:
    parts = [
        {name for _, name, _, _ in string.Formatter().parse(one) if name}
        for one in (text, every_french()[text])
    ]
    assert parts[0] == parts[1]


def test_a_reader_gets_their_words() -> None:
    assert translator("fr")("Home") == "Accueil"
    assert translator("en")("Home") == "Home"
    assert translator("fr")("Use {max_length} characters at most.", max_length=3) == "3 caractères au plus."
    assert translator("fr")("never seen") == "never seen"
