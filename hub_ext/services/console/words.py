"""The console's words in French: gettext catalogues beside this file, one per area, read when it starts."""

from __future__ import annotations

import gettext
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE = Path(__file__).parent / "locale"

Translate = Callable[..., str]


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    whole = gettext.NullTranslations()
    for path in sorted((LOCALE / language / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as source:
            area = read_po(source, locale=language, abort_invalid=True)
        compiled = BytesIO()
        write_mo(compiled, area)
        compiled.seek(0)
        part = gettext.GNUTranslations(compiled)
        part.add_fallback(whole)
        whole = part
    return whole


def translator(language: str) -> Translate:
    """`_("Text with {name}", name=…)` in that language; English stands in the code itself."""
    known = _catalogue(language) if language != "en" else gettext.NullTranslations()

    def _(text: str, **shown: object) -> str:
        words = known.gettext(text)
        return words.format(**shown) if shown else words

    return _
