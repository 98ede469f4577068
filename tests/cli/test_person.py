"""`hub-ext person` as a steward types it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub_ext.cli.app import host_user
from hub_ext.model import AuditEvent
from tests.cli.conftest import Terminal

Events = Callable[[], list[AuditEvent]]


def test_add_list_show_change_end(typed: Terminal) -> None:
    said = typed.done("person", "add", "marie", "--name", "Marie Curie", "--language", "fr")
    assert "uid 20000" in said
    assert "hub-ext project member add" in said
    typed.done(
        *("person", "add", "guest7", "--kind", "guest", "--sponsor", "marie", "--until", "2030-12-31"),
    )
    assert [person["username"] for person in typed.read("person", "list")] == ["guest7", "marie"]
    assert "Marie Curie" in typed.done("person", "list")

    guest = typed.read("person", "show", "guest7")["person"]
    assert guest["kind"] == "guest"
    # The exclusive end of that day in Paris.
    assert guest["valid_until"] == "2030-12-31T23:00:00+00:00"
    assert guest["sponsor_id"] == typed.read("person", "show", "marie")["person"]["id"]
    assert "sponsor   marie" in typed.done("person", "show", "guest7")

    typed.done("person", "change", "guest7", "--role", "auditor", "--role", "steward", "--no-end")
    guest = typed.read("person", "show", "guest7")["person"]
    assert (guest["roles"], guest["valid_until"]) == (["steward", "auditor"], None)
    typed.done("person", "change", "guest7", "--no-roles", "--username", "guest8")
    assert typed.read("person", "show", "guest8")["person"]["roles"] == []

    typed.done("person", "end", "guest8", "--why", "left")
    assert [person["username"] for person in typed.read("person", "list")] == ["marie"]
    assert len(typed.read("person", "list", "--all")) == 2
    # Ended people are found by their id only.
    assert "no person" in typed.refused("person", "show", "guest8")
    assert typed.read("person", "show", guest["id"])["person"]["ended"] is not None


def test_the_record_says_who_ran_it_and_for_whom(typed: Terminal, events: Events) -> None:
    lise = typed.read("person", "add", "lise")
    typed.done("person", "add", "marie", "--on-behalf-of", "lise")
    actor = events()[-1].actor
    assert (actor.kind, actor.id, actor.on_behalf) == ("host-user", host_user(), lise["id"])
    assert "no person" in typed.refused("person", "add", "pierre", "--on-behalf-of", "nobody")
    assert len(events()) == 2


def test_demo_people_have_their_username_for_a_subject(typed: Terminal) -> None:
    person = typed.read("person", "add", "marie")
    assert (person["issuer"], person["subject"]) == ("demo", "marie")


def test_with_a_provider_issuer_and_subject_are_needed(typed: Terminal) -> None:
    with (typed.folder / "config.py").open("a") as config:
        config.write("c.HubExt.sign_in = 'oauth'\n")
    answer = typed("person", "add", "marie")
    assert (answer.status, answer.out) == (2, "")
    assert "--issuer and --subject" in answer.err
    person = typed.read("person", "add", "marie", "--issuer", "https://id.example", "--subject", "4f7a")
    assert (person["issuer"], person["subject"]) == ("https://id.example", "4f7a")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("person", "add", "marie", "--role", "king"), 2, "no role 'king'"),
        (("person", "add", "marie", "--language", "de"), 2, "--language"),
        (("person", "add", "Marie"), 1, "lower case"),
        (("person", "add", "marie", "--until", "tomorrow"), 1, "not a date"),
        (("person", "end", "marie"), 2, "--why"),
        (("person", "end", "marie", "--why", "left"), 1, "no person"),
        (("person", "change", "marie", "--name", "x"), 1, "no person"),
        (("person",), 2, "needs one of"),
    ],
)
def test_what_cannot_be_done_is_said(
    typed: Terminal, events: Events, words: tuple[str, ...], status: int, said: str
) -> None:
    answer = typed(*words)
    assert (answer.status, answer.out) == (status, "")
    assert said in answer.err
    assert events() == []


def test_an_empty_list_says_what_to_do(typed: Terminal) -> None:
    assert "hub-ext person add" in typed.done("person", "list")
    assert typed.read("person", "list") == []
