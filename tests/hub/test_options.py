"""Every way in brings the same dict; nothing but six small keys passes."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_ext.hub import options
from hub_ext.model import LaunchRequest, ReasonCode, Refusal

GOOD: dict[str, Any] = {
    "project": "onco",
    "environment": "python",
    "datasets": ["mri", "breast-cancer"],
    "size": "m",
    "gpus": 1,
}


def parse(value: object) -> LaunchRequest | Refusal:
    return options.parse(value, launch_id="lau-1", person_id="per-1", server_name="")


def test_good_options_become_the_request() -> None:
    assert parse(GOOD) == LaunchRequest(
        "lau-1", "per-1", "", "onco", "python", ("mri", "breast-cancer"), "m", 1
    )


def test_datasets_and_gpus_may_be_left_out() -> None:
    request = parse({"project": "onco", "environment": "python", "size": "m"})
    assert isinstance(request, LaunchRequest)
    assert (request.datasets, request.gpus) == ((), 0)


def test_terms_are_accepted_by_number() -> None:
    request = parse(GOOD | {"terms": {"mri": 2, "labs": 1}})
    assert isinstance(request, LaunchRequest)
    assert request.accepts == (("mri", 2), ("labs", 1))


def test_waiting_in_line_is_asked_for_by_yes_or_no() -> None:
    request = parse(GOOD | {"wait": True})
    assert isinstance(request, LaunchRequest)
    assert request.wait is True
    assert parse(GOOD | {"wait": False}) == parse(GOOD)
    for bad in (1, "yes", "true", None, [True]):
        refusal = parse(GOOD | {"wait": bad})
        assert isinstance(refusal, Refusal)
        reasons = [(reason.code, reason.subject) for reason in refusal.reasons]
        assert reasons == [(ReasonCode.OPTIONS_INVALID, "wait")]
    by_form = [options.from_form({"wait": [answer]})["wait"] for answer in ("yes", "no")]
    assert by_form == [True, "no"]


@pytest.mark.parametrize("empty", [None, {}])
def test_empty_options_have_their_own_reason(empty: object) -> None:
    refusal = parse(empty)
    assert isinstance(refusal, Refusal)
    assert [reason.code for reason in refusal.reasons] == [ReasonCode.OPTIONS_EMPTY]


BAD: list[tuple[str, object]] = [
    ("text", "onco"),
    ("list", [1]),
    ("number", 5),
    ("unknown key", GOOD | {"image": "x@sha256:" + "0" * 64}),
    ("key that is no text", GOOD | {5: 1}),
    ("NUL", GOOD | {"project": "on\0co"}),
    ("path", GOOD | {"project": "../onco"}),
    ("path in datasets", GOOD | {"datasets": ["../../etc"]}),
    ("line feed after a slug", GOOD | {"size": "m\n"}),
    ("capital letter", GOOD | {"environment": "Python"}),
    ("other script", GOOD | {"environment": "pythοn"}),
    ("1 MiB", GOOD | {"project": "a" * 2**20}),
    ("long list", GOOD | {"datasets": [f"d{number}" for number in range(51)]}),
    ("twice", GOOD | {"datasets": ["mri", "mri"]}),
    ("datasets as text", GOOD | {"datasets": "mri"}),
    ("unhashable dataset", GOOD | {"datasets": [["mri"]]}),
    ("dict as slug", GOOD | {"project": {"a": 1}}),
    ("gpus true", GOOD | {"gpus": True}),
    ("gpus text", GOOD | {"gpus": "1"}),
    ("gpus negative", GOOD | {"gpus": -1}),
    ("gpus many", GOOD | {"gpus": 17}),
    ("gpus fraction", GOOD | {"gpus": 0.5}),
    ("gpus none", GOOD | {"gpus": None}),
    ("terms as a list", GOOD | {"terms": ["mri"]}),
    ("terms as a tick", GOOD | {"terms": {"mri": True}}),
    ("terms of number zero", GOOD | {"terms": {"mri": 0}}),
    ("terms of a huge number", GOOD | {"terms": {"mri": 10**30}}),
    ("terms of a path", GOOD | {"terms": {"../mri": 1}}),
    ("terms of a number", GOOD | {"terms": {5: 1}}),
    ("many terms", GOOD | {"terms": {f"d{number}": 1 for number in range(51)}}),
    ("project missing", {"environment": "python", "size": "m"}),
]


@pytest.mark.parametrize("bad", [value for _, value in BAD], ids=[name for name, _ in BAD])
def test_anything_else_is_refused_with_its_reason(bad: object) -> None:
    refusal = parse(bad)
    assert isinstance(refusal, Refusal)
    assert {reason.code for reason in refusal.reasons} == {ReasonCode.OPTIONS_INVALID}


def test_every_reason_is_given_at_once() -> None:
    refusal = parse({"project": "../x", "datasets": "mri", "gpus": True, "image": "x"})
    assert isinstance(refusal, Refusal)
    assert {reason.subject for reason in refusal.reasons} == {
        "image",
        "project",
        "environment",
        "size",
        "datasets",
        "gpus",
    }


def test_a_refusal_of_a_mebibyte_is_cheap_and_short() -> None:
    huge = {"k" * 2**20: "v" * 2**20, **GOOD, "project": "p" * 2**20}
    begin = time.perf_counter()
    refusal = parse(huge)
    assert time.perf_counter() - begin < 0.05
    assert isinstance(refusal, Refusal)
    assert len(str(refusal)) < 2000


def test_a_strangers_key_is_shown_without_control_characters() -> None:
    refusal = parse(GOOD | {"\x1b[31m\u2028red\n": 1})
    assert isinstance(refusal, Refusal)
    assert refusal.reasons[0].subject == "?[31m?red?"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(options.KEYS) | st.text(max_size=5), inner, max_size=6)
        ),
        max_leaves=12,
    )
)
def test_whatever_comes_is_a_request_or_a_refusal(value: object) -> None:
    answer = parse(value)
    if isinstance(answer, LaunchRequest):
        assert isinstance(value, dict)
        assert set(value) <= set(options.KEYS)
    else:
        assert answer.reasons


def test_the_form_gives_the_options() -> None:
    form = {
        "_xsrf": ["token"],
        "project": ["onco"],
        "environment": ["python"],
        "datasets": ["mri", "breast-cancer"],
        "size": ["m"],
        "gpus": ["1"],
    }
    assert options.from_form(form) == GOOD


def test_ticked_terms_become_numbers() -> None:
    form = {"project": ["onco"], "terms": ["mri:2", "labs:10"]}
    assert options.from_form(form)["terms"] == {"mri": 2, "labs": 10}
    for forged in ("mri", "mri:", "mri:1:2", "../mri:1", "mri:²", "mri:1\n", "x" * 2**20):
        made = options.from_form(form | {"terms": ["labs:1", forged]})
        assert isinstance(made["terms"], list)
        assert isinstance(parse(GOOD | {"terms": made["terms"]}), Refusal)


def test_no_dataset_ticked_is_an_empty_list() -> None:
    form = {"project": ["onco"], "environment": ["python"], "datasets": [""], "size": ["m"], "gpus": ["0"]}
    assert options.from_form(form)["datasets"] == []


@pytest.mark.parametrize(
    "form",
    [
        {"project": ["onco", "cardio"]},
        {"image": ["x"]},
        {"project": ["p" * 2**20]},
        {"gpus": ["²"]},
        {"notes_file": [{"filename": "x", "body": b"\0"}]},
    ],
)
def test_a_forged_form_stays_small_storable_and_refused(form: dict[str, list[Any]]) -> None:
    made = options.from_form(form)
    assert len(json.dumps(made)) < 1000
    assert isinstance(parse(made), Refusal)


@given(st.dictionaries(st.text(max_size=8), st.lists(st.text(max_size=200), max_size=80), max_size=30))
def test_any_form_becomes_bounded_options(form: dict[str, list[str]]) -> None:
    assert len(json.dumps(options.from_form(form))) < 60_000
