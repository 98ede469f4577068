"""Every finding has its sentences, in both languages, with nothing left to fill in."""

from __future__ import annotations

import string

import pytest

from hub_ext.expression.catalogue import SENTENCES, finding_text
from hub_ext.model import Finding, FindingCode


@pytest.mark.parametrize("code", FindingCode)
def test_both_languages_say_the_same_facts(code: FindingCode) -> None:
    fields = [
        {name for _, name, _, _ in string.Formatter().parse(text) if name}
        for text in (SENTENCES[code].en, SENTENCES[code].fr)
    ]
    assert fields[0] == fields[1]
    assert SENTENCES[code].en != SENTENCES[code].fr


def test_text_is_filled_in_and_braces_of_a_stranger_are_text() -> None:
    finding = Finding(FindingCode.VOLUMES, True, (("names", "/a, /{0.__class__}"),))
    assert "(/a, /{0.__class__})" in finding_text(finding)
    assert "déclare des volumes (/a" in finding_text(finding, "fr")
