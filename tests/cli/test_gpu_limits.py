"""`hub-ext gpu limit` and `limits`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Terminal


@pytest.fixture
def onco(typed: Terminal) -> Terminal:
    """A project and a person."""
    typed.done("project", "add", "onco", "--title-en", "Cancer")
    typed.done("person", "add", "marie")
    return typed


def test_limits_are_set_shown_and_taken_back(onco: Terminal) -> None:
    assert "Nobody" in onco.done("gpu", "limits")
    onco.done("gpu", "limit", "--project", "onco", "--held", "4", "--month-hours", "500")
    onco.done("gpu", "limit", "--person", "marie", "--lease-hours", "48")
    shown = onco.done("gpu", "limits")
    assert "onco" in shown
    assert "marie" in shown
    (person, project) = onco.read("gpu", "limits")
    assert project["own"]["limits"] == {"held": 4, "lease_hours": None, "month_hours": 500.0}
    assert person["name"] == "marie"
    onco.done("gpu", "limit", "--person", "marie", "--as-site")
    assert len(onco.read("gpu", "limits")) == 1


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--held", "1"), 2, "--person and --project"),
        (("--person", "marie", "--project", "onco", "--held", "1"), 2, "--person and --project"),
        (("--person", "marie"), 2, "--as-site"),
        (("--person", "marie", "--held", "1", "--as-site"), 2, "--as-site"),
        (("--person", "nobody", "--held", "1"), 1, "no person"),
        (("--project", "onco", "--held", "-1"), 1, "The limit held"),
    ],
)
def test_what_cannot_be_set_is_said(onco: Terminal, words: tuple[str, ...], status: int, said: str) -> None:
    answer = onco("gpu", "limit", *words)
    assert answer.status == status
    assert said in answer.err
    assert "Nobody" in onco.done("gpu", "limits")
