"""A username that passes to another person: nothing of the former holder's opens anything of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub import orm, roles
from tornado import web

from hub_ext.adapters.store import persons
from hub_ext.flows import people
from hub_ext.flows.site import Site, open_site
from hub_ext.model import Actor, ActorKind
from hub_ext.settings import Settings
from hub_ext.sign_in import handover
from hub_ext.sign_in.person import post_auth_hook

OPERATOR = Actor(ActorKind.HOST_USER, "tester")
ISSUER = "https://id.example"


class Door:
    """An authenticator that finds the subject where the last sign-in left it."""

    log = SimpleNamespace(warning=lambda *_: None, error=lambda *_: None)
    user_auth_state_key = "claims"
    manage_groups = True

    def identity(self, username: str, auth_state: dict[str, Any] | None) -> tuple[str, str] | None:
        subject = ((auth_state or {}).get("claims") or {}).get("sub")
        return (ISSUER, subject) if subject else None


class Hub:
    """The Hub's user `marie`, in the Hub's own tables, as a handler finds her."""

    def __init__(self, db: Any) -> None:
        self.db, self.stopped = db, []
        for role in roles.get_default_roles():
            roles.create_role(db, role)
        db.add(orm.OAuthClient(identifier="jupyterhub", secret="-"))
        self.orm_user = orm.User(name="marie")
        db.add(self.orm_user)
        roles.assign_default_roles(db, entity=self.orm_user)
        db.commit()
        self.stops = True
        self.state = {"claims": {"sub": "former"}}
        self.spawners: dict[str, Any] = {}
        self.token = str(self.orm_user.new_api_token(note="her own"))
        self.cookie = self.orm_user.cookie_id

    async def get_auth_state(self) -> dict[str, Any]:
        return self.state

    groups = ()

    def find_user(self, name: str) -> Hub | None:
        return self if name == "marie" else None

    async def stop_single_user(self, user: Hub, name: str) -> None:
        self.stopped.append(name)
        user.spawners[name].active = not self.stops

    def runs(self, name: str, launch_id: str) -> None:
        """A server."""
        self.spawners[name] = SimpleNamespace(active=True, pending=None, launch_id=launch_id)

    def opens(self, token: str) -> bool:
        return orm.APIToken.find(self.db, token) is not None


@pytest.fixture
def hub() -> Hub:
    return Hub(orm.new_session_factory("sqlite:///:memory:")())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    held = open_site(Settings(state_dir=tmp_path, sign_in="oauth"))
    former = people.add_person(held, OPERATOR, issuer=ISSUER, subject="former", username="marie")
    people.add_person(held, OPERATOR, issuer=ISSUER, subject="other", username="paul")
    people.change_person(held, OPERATOR, former.id, username="marie-old")
    yield held
    held.close()


@pytest.fixture(autouse=True)
def holders(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Launches by the subject of whose they are."""

    async def holder(_: Site, launch_id: str) -> str | None:
        person = people_by_subject(site, launch_id.removeprefix("lau-"))
        return person.id if person else None

    monkeypatch.setattr(handover.launch, "holder", holder)


def people_by_subject(site: Site, subject: str) -> Any:
    with site.store.reading() as tx:
        return persons.find_sign_in(tx, ISSUER, subject)


async def signs_in(site: Site, hub: Hub, subject: str) -> None:
    state = {"claims": {"sub": subject}}
    await post_auth_hook(lambda: site)(Door(), hub, {"name": "marie", "auth_state": state})


async def test_the_former_holders_cookie_and_tokens_hold_no_more(site: Site, hub: Hub) -> None:
    await signs_in(site, hub, "new")
    assert not hub.opens(hub.token)
    assert hub.orm_user.cookie_id != hub.cookie


async def test_the_same_person_keeps_them(site: Site, hub: Hub) -> None:
    people.change_person(site, OPERATOR, people_by_subject(site, "former").id, username="marie")
    hub.runs("", "lau-former")
    await signs_in(site, hub, "former")
    assert hub.opens(hub.token)
    assert hub.orm_user.cookie_id == hub.cookie
    assert hub.stopped == []


async def test_the_former_holders_servers_are_stopped_first(site: Site, hub: Hub) -> None:
    hub.runs("", "lau-former")
    await signs_in(site, hub, "new")
    assert hub.stopped == [""]


async def test_no_sign_in_while_one_of_them_runs(site: Site, hub: Hub) -> None:
    hub.runs("", "lau-former")
    hub.stops = False
    with pytest.raises(web.HTTPError) as refused:
        await signs_in(site, hub, "new")
    assert refused.value.status_code == 503


async def test_one_whose_former_sign_in_cannot_be_read_keeps_what_runs(site: Site, hub: Hub) -> None:
    """The key of the Hub's auth state was changed: people sign in again, and their work goes on."""
    people.change_person(site, OPERATOR, people_by_subject(site, "former").id, username="marie")
    hub.runs("", "lau-former")
    hub.state = {}
    await signs_in(site, hub, "former")
    assert hub.stopped == []
    assert not hub.opens(hub.token)
