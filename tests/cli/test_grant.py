"""`hub-ext grant` as a steward types it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub_ext.model import AuditEvent
from tests.cli.conftest import Terminal

Events = Callable[[], list[AuditEvent]]
APPROVAL = ("--reference", "CPP-1", "--controller", "CHU", "--purpose", "Outcomes", "--legal-basis", "GDPR")
ADD = ("grant", "add", "mri", "onco")


@pytest.fixture
def onco(typed: Terminal) -> Terminal:
    """The terminal, with a project that is approved until 2040, its member, and two datasets."""
    typed.done("project", "add", "onco", "--title-en", "Cancer")
    typed.done("project", "approve", "onco", *APPROVAL, "--until", "2040-12-31")
    typed.done("person", "add", "marie")
    typed.done("project", "member", "add", "onco", "marie")
    for slug, kind in (("mri", "identifying"), ("ct", "coded")):
        typed.done("dataset", "register", slug, "--class", kind, "--title-en", slug)
    folder = typed.folder / "data" / "mri"
    folder.mkdir()
    (folder / "a.csv").write_text("x")
    typed.done("dataset", "version", "mri", str(folder), "--unchecked")
    return typed


def test_a_grant_up_to_the_approvals_last_day(onco: Terminal) -> None:
    said = onco.done(*ADD, "--until", "2040-12-31")
    assert said.startswith("mri is granted to onco (gra-")
    (grant,) = onco.read("grant", "list")
    assert grant["valid_until"] == "2040-12-31T23:00:00+00:00"
    (shown,) = onco.read("dataset", "show", "mri")["grants"]
    assert shown == grant
    assert "No approval covers" in onco.refused(*ADD, "--until", "2041-01-01")


def test_a_grant_to_a_member_of_one_version(onco: Terminal) -> None:
    onco.done(
        *(*ADD, "--until", "2040-01-01", "--from", "2039-01-01"),
        *("--version", "1", "--member", "marie", "--approval", "CPP-1"),
    )
    (grant,) = onco.read("grant", "list")
    assert grant["valid_from"] == "2038-12-31T23:00:00+00:00"
    assert grant["version_id"] == onco.read("dataset", "show", "mri")["versions"][0]["id"]
    assert grant["members"] == [onco.read("person", "show", "marie")["person"]["id"]]
    line = onco.done("grant", "list").splitlines()[1]
    assert "marie" in line
    assert "from later on" in line


def test_warnings_are_noted_beside_the_grant(onco: Terminal) -> None:
    answer = onco("grant", "add", "ct", "onco", "--until", "2040-01-01")
    assert answer.status == 0
    assert "Note: 'ct' has no current version" in answer.err


def test_revoke_by_id_or_by_dataset_and_project(onco: Terminal, events: Events) -> None:
    onco.done(*ADD, "--until", "2040-01-01")
    onco.done(*ADD, "--until", "2040-02-01")
    first, second = onco.read("grant", "list")
    onco.done("grant", "revoke", first["id"], "--why", "mistake")
    assert onco.read("grant", "list") == [second]
    said = onco.done("grant", "revoke", "mri", "onco", "--why", "consent withdrawn")
    assert said == "1 revoked: mri to onco. No server ends.\n"
    assert events()[-1].facts["why"] == "consent withdrawn"
    assert onco.read("grant", "list") == []
    assert "No dataset is granted now" in onco.done("grant", "list")
    assert [line.split()[8] for line in onco.done("grant", "list", "--all").splitlines()[1:]] == [
        "revoked",
        "revoked",
    ]


def test_list_selects_by_project_and_dataset(onco: Terminal) -> None:
    onco.done(*ADD, "--until", "2040-01-01")
    assert len(onco.read("grant", "list", "--project", "onco", "--dataset", "mri")) == 1
    assert onco.read("grant", "list", "--dataset", "ct") == []
    assert onco.read("grant", "list", "--project", "cardio") == []


def test_a_grant_whose_approval_ended_is_not_listed(onco: Terminal) -> None:
    onco.done(*ADD, "--until", "2040-01-01")
    (approval,) = onco.read("project", "show", "onco")["approvals"]
    onco.done("project", "end-approval", approval["id"], "--why", "withdrawn")
    assert onco.read("grant", "list") == []
    assert "approval ended" in onco.done("grant", "list", "--all")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (ADD, 2, "--until"),
        ((*ADD, "--until", "soon"), 1, "not a date"),
        ((*ADD, "--until", "2020-01-01"), 1, "before it begins"),
        ((*ADD, "--until", "2040-01-01", "--approval", "CPP-9"), 1, "no approval 'CPP-9'"),
        ((*ADD, "--until", "2040-01-01", "--member", "bob"), 1, "no person"),
        ((*ADD, "--until", "2040-01-01", "--version", "2"), 1, "no version 2"),
        (("grant", "add", "pet", "onco", "--until", "2040-01-01"), 1, "no dataset"),
        (("grant", "add", "mri", "cardio", "--until", "2040-01-01"), 1, "no project"),
        (("grant", "revoke", "mri", "--why", "x"), 2, "Name a grant's id"),
        (("grant", "revoke", "mri", "onco", "--why", "x"), 1, "not granted"),
        (("grant", "revoke", "gra-none", "--why", "x"), 1, "no grant"),
        (("grant", "revoke", "mri", "onco"), 2, "--why"),
    ],
)
def test_what_cannot_be_done_is_said(
    onco: Terminal, events: Events, words: tuple[str, ...], status: int, said: str
) -> None:
    before = len(events())
    answer = onco(*words)
    assert (answer.status, answer.out) == (status, "")
    assert said in answer.err
    assert len(events()) == before


def test_a_grant_is_renewed_and_told_when_it_ends_soon(onco: Terminal, events: Events) -> None:
    onco.done(*ADD, "--until", "2039-12-31")
    (grant,) = onco.read("grant", "list")
    assert onco.read("grant", "list", "--ending", "30") == []
    assert onco.read("grant", "list", "--ending", "36500") == [grant]
    assert "No server would stop." in onco.done("grant", "ends", grant["id"])
    said = onco.done("grant", "renew", grant["id"], "--until", "2040-12-31")
    assert said.startswith("mri is granted to onco until 2040-12-31 23:00")
    assert (events()[-1].verb, events()[-1].subject) == ("grant.renewed", grant["id"])
    assert "holds until" in onco.refused("grant", "renew", grant["id"], "--until", "2040-01-01")
    assert "No approval covers" in onco.refused("grant", "renew", grant["id"], "--until", "2041-01-01")
    assert "There is no grant" in onco.refused("grant", "ends", "gra-none")
    assert "No server ends." in onco.done("grant", "revoke", grant["id"], "--why", "asked to")
