"""Whatever a flow hands over becomes bounded JSON, and hostile input cannot keep itself out of the record."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_ext.adapters.store import Store, audit
from hub_ext.adapters.store.facts import MAX_BYTES, bounded, bounded_text, canonical, timestamp
from hub_ext.model import Reason, ReasonCode
from tests.adapters.store.samples import LAUNCH, NOW, PERSON, TITLE, write

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.datetimes(timezones=st.just(UTC)),
)
hostile = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner), st.frozensets(scalars)),
    max_leaves=40,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(), hostile))
def test_any_value_becomes_bounded_json(facts: dict[str, Any]) -> None:
    safe = bounded(facts)
    stored = canonical(safe)
    assert len(stored.encode()) <= MAX_BYTES
    assert "\\u0000" not in stored
    assert canonical(json.loads(stored)) == stored
    assert bounded(safe) == safe


@pytest.mark.parametrize(
    "facts",
    [
        {"options": "x" * 2**20},
        {"options": ["x" * 5000] * 5000},
        {f"key {number}": "é" * 900 for number in range(5000)},
        {"options": {str(number): {"x" * 99: ["y" * 99] * 99} for number in range(99)}},
        {"k" * 2**20: 1},
    ],
)
def test_large_facts_are_cut(facts: dict[str, Any]) -> None:
    stored = canonical(bounded(facts))
    assert 10 < len(stored.encode()) <= MAX_BYTES
    assert "…" in stored or "cut" in stored


def test_deep_facts_are_cut() -> None:
    deep: Any = "bottom"
    for _ in range(900):
        deep = [deep]
    assert canonical(bounded({"deep": deep})).count("[") < 10


def test_values_of_the_model() -> None:
    assert bounded(
        {
            "reason": Reason(ReasonCode.GRANT_ENDED, "mri", (("ended", NOW),)),
            "title": TITLE,
            "person": PERSON,
            "launch": LAUNCH,
            "folder": Path("/data/mri"),
            "gids": {3, 1, 2},
            "large": 2**70,
            "nan": float("nan"),
            "raw": b"abc",
        }
    ) == {
        "reason": {
            "code": "grant-ended",
            "subject": "mri",
            "shown": [["ended", "2026-05-03T10:20:30.123456Z"]],
        },
        "title": {"en": TITLE.en, "fr": TITLE.fr},
        "person": "per-2",  # never their names
        "launch": "lau-1",
        "folder": "/data/mri",
        "gids": [1, 2, 3],
        "large": "integer of 71 bits",
        "nan": "nan",
        "raw": "3 bytes",
    }


def test_what_has_no_place_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="StringIO"):
        bounded({"file": io.StringIO()})


def test_times_have_one_width_and_one_zone() -> None:
    elsewhere = datetime(2026, 5, 3, 2, tzinfo=timezone(timedelta(hours=5)))
    assert timestamp(elsewhere) == "2026-05-02T21:00:00.000000Z"
    with pytest.raises(ValueError, match="no time zone"):
        timestamp(datetime(2026, 1, 1))


def test_text_is_clean() -> None:
    assert bounded_text("a\0b\ud800c", 10) == "a\N{REPLACEMENT CHARACTER}b?c"
    assert bounded_text("abcdef", 6) == "abcdef"
    assert bounded_text("abcdefg", 6) == "abcde…"


def test_both_databases_store_hostile_input(store: Store) -> None:
    with store.transaction() as tx:
        written = write(tx, 1, subject="\0" + "é" * 500 + "\udfff", facts={"\0": "\0\ud800", "n": 10**5000})
        assert audit.listing(tx) == (written,)
        assert audit.verify(tx).ok
