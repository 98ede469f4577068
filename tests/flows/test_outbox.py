"""Letters: written with the deed, to whoever must act; sent, put off, given up; off until configured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_string, policy
from pathlib import Path

import pytest

from hub_ext.adapters.store import letters
from hub_ext.flows import data, outbox, people, projects, proposals, requests
from hub_ext.flows import grants as grant_flows
from hub_ext.flows.outbox import Sent
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ActorKind, DatasetClass, Localised, MemberRole, Person, SiteRole
from hub_ext.model.letters import Letter, LetterKind
from hub_ext.model.requests import AccessRequest
from hub_ext.services.culler import CuratedIdleCuller
from hub_ext.settings import MailSettings
from tests.flows.conftest import Clock
from tests.support.certificates import Authority
from tests.support.mail_server import MailServer

TEXT = Localised("Secret tumours", "Tumeurs secrètes")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    """A mail server."""
    folder = tmp_path / "mail"
    folder.mkdir()
    authority = Authority(folder)
    with MailServer(authority.issue("mail", hosts=("127.0.0.1",))) as running:
        running.ca_file = authority.ca_file  # type: ignore[attr-defined]
        yield running


@pytest.fixture
def writing(site: Site, server: MailServer) -> Site:
    """The site, with that server configured."""
    known = MailSettings(
        f"smtp://127.0.0.1:{server.port}",
        "hub-ext@hospital.example",
        ca_file=server.ca_file,  # type: ignore[attr-defined]
    )
    return replace(site, settings=replace(site.settings, mail=known, public_url="https://hub.example"))


@pytest.fixture
def ada(site: Site, actor: Actor, add_person: Callable[..., Person], clock: Clock) -> Actor:
    """A member of onco who may ask for mri; Lise is a steward; Magda leads onco; Dora keeps its data."""
    projects.add_project(site, actor, "onco", TEXT)
    projects.add_approval(
        *(site, actor, "onco"),
        reference="CPP",
        controller="CHU",
        purpose="care",
        legal_basis="law",
        valid_until=clock.later(days=100),
    )
    data.register_dataset(site, actor, "mri", TEXT, TEXT, DatasetClass.CODED)
    ids = {}
    places = {"ada": MemberRole.MEMBER, "magda": MemberRole.LEAD, "dora": MemberRole.DATA_MANAGER}
    for name, role in places.items():
        person = add_person(name, email=f"{name}@hospital.example", language="fr" if name == "ada" else "en")
        projects.add_member(site, actor, "onco", person.id, role)
        ids[name] = person.id
    add_person("lise", email="lise@hospital.example", roles=(SiteRole.STEWARD,))
    add_person("mute", roles=(SiteRole.STEWARD,))  # without an address
    return Actor(ActorKind.PERSON, ids["ada"])


def who(site: Site, name: str) -> Actor:
    with site.store.reading() as tx:
        return Actor(ActorKind.PERSON, people.person_named(tx, name).id)


def ask(site: Site, ada: Actor) -> str:
    made = requests.ask_access(site, ada, "mri", "onco", "Tumours of M. Martin")
    assert isinstance(made, AccessRequest)
    return made.id


def held(site: Site) -> list[tuple[LetterKind, str]]:
    with site.store.reading() as tx:
        return [
            (letter.kind, people.persons.get(tx, letter.person_id).username) for letter in letters.listing(tx)
        ]


async def test_off_until_configured(site: Site, ada: Actor) -> None:
    ask(site, ada)
    assert held(site) == []
    assert await outbox.send_due(site) == Sent()
    assert outbox.remind(site) == 0


async def test_whoever_must_act_hears_of_it_and_of_nothing_else(
    writing: Site, ada: Actor, server: MailServer
) -> None:
    request = ask(writing, ada)
    assert held(writing) == [(LetterKind.REQUEST_WAITS, "lise")]
    requests.ask_back(writing, who(writing, "lise"), request, "All?")
    assert (LetterKind.REQUEST_ASKED_BACK, "ada") in held(writing)
    assert await outbox.send_due(writing) == Sent(sent=2)
    assert held(writing) == []
    by_address = {letter.to: letter.text for letter in server.taken}
    assert set(by_address) == {"<lise@hospital.example>", "<ada@hospital.example>"}
    for text in by_address.values():
        message = message_from_string(text, policy=policy.default)
        body = message.get_content()
        assert f"https://hub.example/services/console/requests/{request}" in body
        for word in ("mri", "onco", "Martin", "tumours", "tumeurs", "All?", "Secret"):
            assert word not in f"{message['Subject']}{body}"
    french = message_from_string(by_address["<ada@hospital.example>"], policy=policy.default)
    assert "Une question sur votre demande" in french["Subject"]
    assert await outbox.send_due(writing) == Sent()  # once is enough


async def test_what_is_not_done_is_not_told(writing: Site, ada: Actor) -> None:
    """The letter and the deed are one transaction."""
    request = ask(writing, ada)

    def deed_that_fails() -> None:
        with writing.store.transaction() as tx:
            outbox.tell(tx, writing, LetterKind.REQUEST_DECIDED, (ada.id,), f"requests/{request}")
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        deed_that_fails()
    assert held(writing) == [(LetterKind.REQUEST_WAITS, "lise")]


def test_decisions_and_proposals_are_told(
    writing: Site, ada: Actor, add_person: Callable[..., Person]
) -> None:
    request = ask(writing, ada)
    requests.refuse(writing, who(writing, "lise"), request, "no")
    carol = add_person("carol", email="carol@hospital.example")
    made = proposals.propose_member(writing, who(writing, "magda"), "onco", carol.id)
    proposals.confirm(writing, who(writing, "dora"), made.id)
    assert sorted(held(writing)) == [
        (LetterKind.PROPOSAL_DECIDED, "magda"),
        (LetterKind.PROPOSAL_WAITS, "dora"),
        (LetterKind.REQUEST_DECIDED, "ada"),
        (LetterKind.REQUEST_WAITS, "lise"),
    ]


def test_the_stewards_of_the_dataset_hear_and_no_others(writing: Site, ada: Actor) -> None:
    data.change_dataset(writing, ada, "mri", stewards=(who(writing, "dora").id,))
    ask(writing, ada)
    assert held(writing) == [(LetterKind.REQUEST_WAITS, "dora")]


async def test_a_server_that_is_down_puts_off_and_tries_again(
    writing: Site, ada: Actor, server: MailServer, clock: Clock
) -> None:
    ask(writing, ada)
    server.answer = "451 later"
    assert await outbox.send_due(writing) == Sent(put_off=1)
    ((letter, due),) = outbox.waiting(writing)
    assert (letter.tries, letter.problem, due) == (1, "451", clock.later(minutes=1))
    assert await outbox.send_due(writing) == Sent()  # it rests
    clock.forward(minutes=1)
    assert await outbox.send_due(writing) == Sent(put_off=1)
    assert outbox.waiting(writing)[0][1] == clock.later(minutes=2)
    clock.forward(minutes=2)
    server.answer = "250 ok"
    assert await outbox.send_due(writing) == Sent(sent=1)


async def test_what_cannot_arrive_is_given_up(
    writing: Site, ada: Actor, actor: Actor, server: MailServer, clock: Clock
) -> None:
    request = ask(writing, ada)
    server.answer = "550 no such user"
    assert await outbox.send_due(writing) == Sent(given_up=1)
    requests.ask_back(writing, who(writing, "lise"), request, "All?")
    people.end_person(writing, actor, ada.id, "left")
    assert await outbox.send_due(writing) == Sent(given_up=1)
    with writing.store.transaction() as tx:
        old = Letter("let-old", LetterKind.REQUEST_WAITS, who(writing, "lise").id, "x", clock(), clock())
        letters.add(tx, old)
    server.answer = "451 later"
    for _ in range(outbox.MOST_TRIES - 1):
        assert await outbox.send_due(writing) == Sent(put_off=1)
        clock.forward(hours=12)
    assert await outbox.send_due(writing) == Sent(given_up=1)
    assert outbox.waiting(writing) == ()


async def test_the_culler_sends_what_is_due(writing: Site, ada: Actor, server: MailServer) -> None:
    ask(writing, ada)
    await CuratedIdleCuller().mail(writing)
    assert [letter.to for letter in server.taken] == ["<lise@hospital.example>"]


def test_rests_grow_and_end() -> None:
    assert [outbox.rest(tries) for tries in (1, 2, 3)] == [timedelta(minutes=m) for m in (1, 2, 4)]
    assert outbox.rest(50) == timedelta(hours=12)


async def test_ends_that_come_near_are_told_once(
    writing: Site, ada: Actor, actor: Actor, clock: Clock, server: MailServer
) -> None:
    grant = grant_flows.add_grant(writing, actor, "mri", "onco", valid_until=clock.later(days=40)).grant
    assert outbox.remind(writing) == 0
    clock.forward(days=15)
    assert outbox.remind(writing) == 3  # Lise, Mute who has no address, and Magda
    assert sorted(held(writing)) == [(LetterKind.GRANT_ENDS, "lise"), (LetterKind.GRANT_ENDS, "magda")]
    assert await outbox.send_due(writing) == Sent(sent=2)
    clock.forward(days=1)
    assert await outbox.send_due(writing) == Sent()
    grant_flows.renew_grant(writing, actor, grant.id, clock.later(days=29))
    assert await outbox.send_due(writing) == Sent(sent=2)
