"""`hub-ext project` as a steward types it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from hub_ext.adapters.store import Store, volumes
from hub_ext.model import AuditEvent, Volume, VolumeKind
from tests.cli.conftest import Terminal

Events = Callable[[], list[AuditEvent]]
APPROVAL = ("--reference", "CPP-1", "--controller", "CHU", "--purpose", "Outcomes", "--legal-basis", "GDPR")


@pytest.fixture
def onco(typed: Terminal) -> Terminal:
    """The terminal, with a project and a person."""
    typed.done("project", "add", "onco", "--title-en", "Cancer", "--title-fr", "Le cancer")
    typed.done("person", "add", "marie")
    return typed


def test_add_change_list_end(onco: Terminal) -> None:
    onco.done("project", "add", "cardio", "--title-en", "Heart", "--max-mem", "1.5G", "--max-gpus", "0")
    cardio = onco.read("project", "show", "cardio")["project"]
    assert cardio["title"] == {"en": "Heart", "fr": "Heart"}
    assert cardio["ceilings"] == {
        "cpus": None,
        "mem_bytes": 1536 * 1024**2,
        "gpus": 0,
        "idle_seconds": None,
    }

    onco.done(
        *("project", "change", "cardio", "--title-fr", "Le cœur", "--max-cpus", "2"),
        *("--state", "frozen", "--until", "2040-06-30", "--retain-until", "2050-06-30"),
    )
    cardio = onco.read("project", "show", "cardio")["project"]
    assert cardio["title"] == {"en": "Heart", "fr": "Le cœur"}
    assert cardio["ceilings"]["cpus"] == 2.0
    assert cardio["ceilings"]["mem_bytes"] == 1536 * 1024**2
    assert cardio["state"] == "frozen"
    assert cardio["valid_until"] == "2040-06-30T22:00:00+00:00"
    assert cardio["retain_until"] == "2050-06-30T22:00:00+00:00"
    onco.done("project", "change", "cardio", "--no-end")
    assert onco.read("project", "show", "cardio")["project"]["valid_until"] is None

    onco.done("project", "end", "cardio", "--why", "closed")
    assert [project["slug"] for project in onco.read("project", "list")] == ["onco"]
    assert [project["slug"] for project in onco.read("project", "list", "--all")] == ["cardio", "onco"]


def test_members_come_and_go(onco: Terminal, events: Events) -> None:
    said = onco.done(
        *("project", "member", "add", "onco", "marie", "--role", "lead"),
        *("--from", "2026-01-01", "--until", "2040-06-30", "--group", "g1"),
    )
    assert said == "marie is a lead of onco.\n"
    (place,) = onco.read("project", "show", "onco")["memberships"]
    assert (place["valid_from"], place["valid_until"]) == (
        "2025-12-31T23:00:00+00:00",
        "2040-06-30T22:00:00+00:00",
    )
    assert place["group"] == "g1"
    assert "member marie" in onco.done("project", "show", "onco")
    assert "already" in onco.refused("project", "member", "add", "onco", "marie")

    onco.done("project", "member", "end", "onco", "marie", "--why", "changed teams")
    assert events()[-1].facts["why"] == "changed teams"
    assert "not a member" in onco.refused("project", "member", "end", "onco", "marie", "--why", "again")
    onco.done("project", "member", "add", "onco", "marie")


def test_approvals_come_and_go(onco: Terminal) -> None:
    said = onco.done("project", "approve", "onco", *APPROVAL, "--until", "2040-12-31")
    assert "hub-ext grant add DATASET onco" in said
    (approval,) = onco.read("project", "show", "onco")["approvals"]
    assert approval["valid_until"] == "2040-12-31T23:00:00+00:00"
    onco.done("project", "end-approval", approval["id"], "--why", "withdrawn")
    (approval,) = onco.read("project", "show", "onco")["approvals"]
    assert approval["ended"] is not None


def test_disk_shows_what_is_used_of_what_is_allowed(onco: Terminal) -> None:
    assert "no volume yet" in onco.done("project", "disk")
    store = Store.open(f"sqlite:///{onco.folder / 'state' / 'store.sqlite'}")
    now = datetime.now(UTC)
    with store.transaction() as tx:
        home = onco.read("person", "show", "marie")["person"]["id"]
        for name, person, used in (("vol-1", home, 9 * 1024**2), ("vol-2", None, None)):
            kind = VolumeKind.HOME if person else VolumeKind.PROJECT
            volumes.add(
                tx,
                Volume(name, name, kind, "local", "onco", now, person, 10 * 1024**2, used),
            )
    store.close()
    rows = {line.split()[2]: line for line in onco.done("project", "disk", "onco").splitlines()}
    assert "9.0 MiB  10.0 MiB  almost full" in rows["marie"]
    assert "all members" in rows["all"]
    assert "almost full" not in rows["all"]
    assert "9.0 MiB of 10.0 MiB, almost full" in onco.done("project", "show", "onco")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("project", "add", "On co", "--title-en", "x"), 1, "cannot be the slug"),
        (("project", "add", "cardio"), 1, "title is empty"),
        (("project", "add", "cardio", "--title-en", "x", "--max-mem", "much"), 1, "not a size"),
        (("project", "add", "cardio", "--title-en", "x", "--max-gpus", "one"), 2, "--max-gpus"),
        (("project", "add", "onco", "--title-en", "x"), 1, "already"),
        (("project", "show", "cardio"), 1, "no project"),
        (("project", "change", "onco"), 1, "changes nothing"),
        (("project", "change", "onco", "--state", "deleted"), 2, "--state"),
        (("project", "end", "onco"), 2, "--why"),
        (("project", "member", "add", "onco", "pierre"), 1, "no person"),
        (("project", "member", "add", "onco", "marie", "--role", "king"), 2, "--role"),
        (("project", "member", "end", "cardio", "marie", "--why", "x"), 1, "no project"),
        (("project", "approve", "onco", "--reference", "x"), 2, "--controller"),
        (("project", "approve", "onco", *APPROVAL, "--until", "2020-01-01"), 1, "before it begins"),
        (("project", "end-approval", "apr-none", "--why", "x"), 1, "no approval"),
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


def test_a_member_is_proposed_and_confirmed_by_another(typed: Terminal) -> None:
    typed.done("project", "add", "onco", "--title-en", "Cancer")
    for name in ("marie", "magda", "dora"):
        typed.done("person", "add", name)
    member = ("project", "member")
    assert "Nobody is proposed." in typed.done(*member, "proposals")
    words = (*member, "propose", "onco", "marie", "--role", "lead", "--until", "2040-12-31")
    proposal = typed.read(*words, "--on-behalf-of", "magda")["id"]
    assert "magda" in typed.done(*member, "proposals", "--project", "onco")
    assert "nobody decides" in typed.refused(*member, "confirm", proposal, "--on-behalf-of", "magda")
    assert "nobody decides" in typed.refused(
        *(*member, "decline", proposal, "--why", "x", "--on-behalf-of", "marie")
    )
    said = typed.done(*member, "confirm", proposal, "--on-behalf-of", "dora")
    assert said == "Confirmed: a lead of onco.\n"
    assert "marie" in typed.done("project", "show", "onco")
    assert "confirmed already" in typed.refused(*member, "confirm", proposal)
    other = typed.read(*member, "propose", "onco", "dora", "--on-behalf-of", "magda")["id"]
    assert "Declined." in typed.done(*member, "decline", other, "--why", "elsewhere")
    assert "There is no proposal" in typed.refused(*member, "confirm", "pro-none")
