"""Patterns of polls: those of Jupyter pass, and none that passes keeps the gate busy."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_ext.model.interfaces import JUPYTER_POLLS, Poll
from hub_ext.policy import poll_patterns, polls

GOOD = ("", "events/.*", r"api/(?:status|me)", r"jobs/[^/]+/log", r"a\.b", r"[\w.-]+", "(a|b)?", "x?y?", ".*")


@pytest.mark.parametrize("pattern", [*GOOD, *(poll.path for poll in JUPYTER_POLLS)])
def test_useful_patterns_pass(pattern: str) -> None:
    assert poll_patterns.problem(pattern) is None


def test_the_polls_of_jupyter_are_not_too_many() -> None:
    assert poll_patterns.ways(poll.path for poll in JUPYTER_POLLS) <= poll_patterns.MOST_WAYS_TOGETHER


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(a+)+", "a group is repeated"),
        ("(?:a|b)*", "a group is repeated"),
        (".*.*.*", "too many ways"),
        ("a?" * 6, "too many ways"),
        ("(?:a|b)" * 6, "too many ways"),
        ("(?:a|b)" * 3 + ".*a.*", "too many ways"),
        ("a**", "cannot stand"),
        ("a*?", "cannot stand"),
        ("a{1000}", "cannot stand"),
        ("(?=a)b", "cannot stand"),
        ("(?P<x>a)", "cannot stand"),
        ("(?i)a", "cannot stand"),
        (r"(a)\1", "cannot stand"),
        (r"\b", "cannot stand"),
        ("^a$", "cannot stand"),
        ("[a--b]", "cannot stand"),
        ("a)", "cannot stand"),
        ("(a", "not closed"),
        ("[a", "too early"),
        ("a\\", "too early"),
        ("[z-a]", "no regular expression"),
        ("é", "other characters"),
        ("a\n", "other characters"),
        ("x" * 201, "more than 200"),
    ],
)
def test_what_may_take_long_or_means_more_is_refused(pattern: str, why: str) -> None:
    assert why in str(poll_patterns.problem(pattern))


PIECES = ["a", ".", "[^/]", "[ab]", r"\w", "(?:", "(", ")", "|", "?", "*", "+", "/"]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=24).map("".join))
def test_what_passes_is_matched_in_a_short_time(pattern: str) -> None:
    """Against the longest path that is looked at, and one that nearly matches."""
    if poll_patterns.problem(pattern) is not None:
        return
    poll = Poll(("GET",), pattern)
    beginning = time.process_time()
    polls.is_poll((poll,), "GET", "a" * (polls.MOST_CHARACTERS - 1) + "!")
    assert time.process_time() - beginning < 0.2


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_what_passes_is_a_regular_expression(pattern: str) -> None:
    if poll_patterns.problem(pattern) is None:
        re.compile(pattern)


@pytest.mark.parametrize(
    "begins", [("(?:a|a)" * 2 + ".*[a-y].*[b-z]x"), ("a?" * 4 + "[ab]" * 9 + ".*[b-z]x")]
)
@pytest.mark.parametrize("length", [poll_patterns.SHORT_CHARACTERS, polls.MOST_CHARACTERS])
def test_the_worst_that_passes_is_matched_in_a_short_time(begins: str, length: int) -> None:
    """All polls of an interface together: every request to the server is asked about, in everybody's gate."""
    patterns = [begins + letter for letter in "abcd"]
    assert {poll_patterns.problem(pattern) for pattern in patterns} == {None}
    assert poll_patterns.ways(patterns) <= poll_patterns.MOST_WAYS_TOGETHER
    worst = tuple(Poll(("GET",), pattern) for pattern in patterns)
    polls.is_poll(worst, "GET", "a")  # compiled once
    beginning = time.process_time()
    assert not polls.is_poll(worst, "GET", "a" * length)
    assert time.process_time() - beginning < 0.05


def test_two_repeats_are_for_short_paths() -> None:
    poll = (Poll(("GET",), "jobs/[^/]+/log/[^/]+"), Poll(("GET",), "events/.*"))
    assert polls.is_poll(poll, "GET", "jobs/" + "x" * 60 + "/log/" + "y" * 50)
    assert not polls.is_poll(poll, "GET", "jobs/" + "x" * 60 + "/log/" + "y" * 90)
    assert polls.is_poll(poll, "GET", "events/" + "x" * 900)


def test_a_very_long_path_is_no_poll() -> None:
    poll = (Poll(("GET",), ".*"),)
    assert polls.is_poll(poll, "GET", "a" * polls.MOST_CHARACTERS)
    assert not polls.is_poll(poll, "GET", "a" * (polls.MOST_CHARACTERS + 1))
