"""Every "no" to a request has its sentences, in both languages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hub_ext.expression.requests import PROBLEMS, STATES, problem_words
from hub_ext.model.requests import RequestProblem, RequestState
from hub_ext.model.requests import RequestProblemCode as Code

WHEN = datetime(2026, 5, 4, tzinfo=UTC)
SHOWN = (("until", WHEN), ("on", WHEN), ("characters", 5000), ("most", 2000))


def test_every_problem_and_state_has_words() -> None:
    assert set(PROBLEMS) == set(Code)
    assert set(STATES) == set(RequestState)


@pytest.mark.parametrize("code", Code)
def test_its_words(code: Code) -> None:
    subject = "refused" if code is Code.DECIDED else "mri"
    english, french = (
        problem_words(RequestProblem(code, "x", subject, SHOWN), language) for language in ("en", "fr")
    )
    assert english.fact != french.fact
    assert english.advice != french.advice
    assert "{" not in f"{english}{french}"


def test_an_exclusive_end_is_the_day_before() -> None:
    problem = RequestProblem(Code.UNTIL_BEYOND, "until", "onco", SHOWN)
    assert "until 3 May 2026" in problem_words(problem).fact
    assert "3 mai 2026" in problem_words(problem, "fr").fact
    assert "refusée" in problem_words(RequestProblem(Code.DECIDED, "", "refused"), "fr").fact
