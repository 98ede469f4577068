"""`hub-ext request` as a steward types it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub_ext.config import load_settings
from hub_ext.flows import requests
from hub_ext.flows.site import Site, open_site
from hub_ext.model import Actor, ActorKind
from hub_ext.model.requests import AccessRequest
from tests.cli.conftest import Terminal
from tests.cli.test_grant import APPROVAL


@pytest.fixture
def site(typed: Terminal) -> Iterator[Site]:
    """The terminal's site, in which Marie is a member of onco and mri can be asked for."""
    typed.done("project", "add", "onco", "--title-en", "Cancer")
    typed.done("project", "approve", "onco", *APPROVAL, "--until", "2040-12-31")
    for name in ("marie", "lise"):
        typed.done("person", "add", name)
    typed.done("project", "member", "add", "onco", "marie")
    for slug in ("mri", "ct"):
        typed.done("dataset", "register", slug, "--class", "coded", "--title-en", slug)
    opened = open_site(load_settings(str(typed.folder / "config.py")))
    yield opened
    opened.close()


def ask(typed: Terminal, site: Site, dataset: str = "mri") -> str:
    marie = typed.read("person", "show", "marie")["person"]["id"]
    made = requests.ask_access(site, Actor(ActorKind.PERSON, marie), dataset, "onco", "Tumours.\nTheir size.")
    assert isinstance(made, AccessRequest)
    return made.id


def test_a_request_is_read_asked_back_and_approved(typed: Terminal, site: Site) -> None:
    assert "Nobody waits" in typed.done("request", "list")
    request = ask(typed, site)
    line = typed.done("request", "list").splitlines()[1]
    assert "marie" in line
    assert request in line
    assert "Question 1 waits" in typed.done("request", "ask", request, "All of it?")
    assert "waits for its answer already" in typed.refused("request", "ask", request, "Really?")
    shown = typed.done("request", "show", request)
    assert "Their size." in shown
    assert "All of it?" in shown
    assert "No approval covers" in typed.refused("request", "approve", request, "--until", "2041-06-30")
    said = typed.done(
        *("request", "approve", request, "--until", "2040-12-31", "--only-them", "--on-behalf-of", "lise")
    )
    assert said.startswith("mri is granted to onco (gra-")
    (grant,) = typed.read("grant", "list")
    assert grant["members"] == [typed.read("person", "show", "marie")["person"]["id"]]
    assert typed.read("request", "list") == []
    (closed,) = typed.read("request", "list", "--all")
    assert (closed["state"], closed["grant_id"]) == ("approved", grant["id"])
    assert "This request is closed: approved." in typed.refused("request", "ask", request, "why?")


def test_a_refusal_needs_its_reason_and_another_person(typed: Terminal, site: Site) -> None:
    request = ask(typed, site, "ct")
    assert typed("request", "refuse", request).status == 2
    assert "nobody decides" in typed.refused(
        *("request", "refuse", request, "--why", "x", "--on-behalf-of", "marie")
    )
    assert "not granted" in typed.done("request", "refuse", request, "--why", "The coded data suffice.")
    assert "The coded data suffice." in typed.done("request", "show", request)
    assert "There is no request" in typed.refused("request", "show", "req-none")
