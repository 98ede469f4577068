"""`hub-ext stop`, `drain` and `block` as an operator types them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub_ext.model import AuditEvent
from tests.cli.conftest import Terminal

Events = Callable[[], list[AuditEvent]]


def test_everything_is_stopped_with_one_command_and_lifted_with_another(
    typed: Terminal, events: Events
) -> None:
    said = typed.done("stop", "everything", "--why", "intrusion suspected")
    assert "stands. Sessions under way that it is on: 0." in said
    (block,) = typed.read("block", "list")
    assert (block["kind"], block["scope"], block["subject"]) == ("stop", "everything", "")
    assert "intrusion suspected" in typed.done("block", "list")
    assert "is lifted" in typed.done("block", "lift", block["id"])
    assert typed.read("block", "list") == []
    assert "Nothing is stopped." in typed.done("block", "list")
    assert len(typed.read("block", "list", "--all")) == 1
    assert [event.verb for event in events()][-2:] == ["block.added", "block.lifted"]
    assert events()[-1].actor.kind == "host-user"


def test_a_drain_has_a_time_in_the_sites_zone(typed: Terminal) -> None:
    typed.done(
        "drain", "node", "local", "--why", "new disk", "--end-by", "2040-07-01", "--until", "2040-07-02"
    )
    (block,) = typed.read("block", "list")
    assert (block["end_by"], block["until"]) == ("2040-07-01T22:00:00+00:00", "2040-07-02T22:00:00+00:00")


def test_a_person_is_named_by_username(typed: Terminal) -> None:
    typed.done("person", "add", "ada", "--name", "Ada")
    typed.done("stop", "person", "ada", "--why", "account taken over")
    assert "person ada" in typed.done("block", "list")


def test_a_look_changes_nothing(typed: Terminal, events: Events) -> None:
    assert "No session under way." in typed.done("stop", "everything", "--why", "x", "--dry-run")
    assert events() == []


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("stop", "everything"), 2, "--why"),
        (("stop", "galaxy", "--why", "x"), 2, "no scope 'galaxy'"),
        (("stop", "project", "onco", "--why", "x"), 1, "no project 'onco'"),
        (("stop", "project", "--why", "x"), 1, "no project ''"),
        (("stop", "everything", "onco", "--why", "x"), 1, "Everything has no name"),
        (("drain", "everything", "--why", "x", "--end-by", "2020-01-01"), 1, "has passed"),
        (("stop", "everything", "--why", "x", "--end-by", "2040-01-01"), 2, "--end-by"),
        (("block", "lift", "blo-none"), 1, "no block"),
        (("volume", "quarantine", "mri", "--why", "x", "--told", "x"), 2, "or say --all"),
        (("volume", "quarantine", "mri", "vol-1", "--all", "--why", "x", "--told", "x"), 2, "or say --all"),
        (("volume", "quarantine", "mri", "--all", "--why", "x", "--told", "x"), 1, "no dataset"),
        (("volume", "release", "mri", "vol-1", "--why", "x"), 1, "no volume"),
    ],
)
def test_what_cannot_be_done_is_said(
    typed: Terminal, events: Events, words: tuple[str, ...], status: int, said: str
) -> None:
    answer = typed(*words)
    assert (answer.status, answer.out) == (status, "")
    assert said in answer.err
    assert events() == []
