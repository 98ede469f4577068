"""Every "no" has its sentences, in both languages."""

from __future__ import annotations

import pytest

from hub_ext.expression.duties import DENIALS, denial_words
from hub_ext.model.duties import Deed, Denial, DenialCode


def test_every_denial_has_words() -> None:
    assert set(DENIALS) == set(DenialCode)


@pytest.mark.parametrize("code", DenialCode)
def test_its_words(code: DenialCode) -> None:
    english, french = (
        denial_words(Denial(code, Deed.WRITE_GRANT, "mri"), language) for language in ("en", "fr")
    )
    assert english.fact != french.fact
    assert english.advice != french.advice
    for words in (english, french):
        assert "{" not in f"{words}"
        assert ("mri" in words.fact) == (code in (DenialCode.OTHER_DATASET, DenialCode.OTHER_PROJECT))
