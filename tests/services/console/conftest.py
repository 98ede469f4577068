"""The console over HTTP with a store of its own, where the sign-in is not what is tested."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from hub_ext.adapters.store import approvals, memberships
from hub_ext.flows import people
from hub_ext.flows.site import Site, open_site
from hub_ext.model import Actor, ActorKind, Person, SiteRole
from hub_ext.services.console.app import application
from hub_ext.services.console.base import Console
from hub_ext.settings import RegistrySettings, Settings
from hub_ext.sign_in.role_groups import SCOPES
from tests.support import scenario

TESTER = Actor(ActorKind.HOST_USER, "tester")
TOKEN = "of-somebody-with-every-role"
# Usernames by token.
TOKENS = {TOKEN: "omni", "of-a-researcher": "nora", "of-an-auditor": "audra"}


class Door:
    """Says of a few tokens whose they are, with every role's scope. The real sign-in is tested in e2e."""

    access_scopes = frozenset({"access:services!service=console"})
    login_url = "/hub/login"
    hub_prefix = "/hub/"
    base_url = "/"

    def get_token(self, handler: Any, in_cookie: bool = True) -> str:
        return str(handler.request.headers.get("Authorization", "")).removeprefix("Bearer ")

    async def get_user(self, handler: Any, *, sync: bool) -> dict[str, Any] | None:
        if self.get_token(handler) not in TOKENS:
            return None
        name = TOKENS[self.get_token(handler)]
        return {"kind": "user", "name": name, "scopes": [*self.access_scopes, *SCOPES.values()]}

    def check_scopes(self, wanted: frozenset[str], user: dict[str, Any]) -> frozenset[str]:
        return wanted & set(user["scopes"])


@dataclass
class Running:
    """The console and who may do everything in it. `known` are what paths may name, by their first part."""

    url: str
    site: Site
    person: Person
    known: dict[str, str]


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A console over a scenario, without an engine, a registry or a Hub that answers."""
    os.environ |= {"JUPYTERHUB_API_URL": "http://127.0.0.1:1/hub/api", "JUPYTERHUB_API_TOKEN": "none"}
    folder = Path(tmp_path_factory.mktemp("console"))
    state, data = folder / "state", folder / "data"
    state.mkdir()
    settings = Settings(
        state_dir=state,
        dataset_roots=(data,),
        engine_url=f"unix://{folder}/none",
        registries=(RegistrySettings("local", "127.0.0.1:1"),),
    )
    site = open_site(settings)
    made = asyncio.run(scenario.build(site, data, {"answer": f"sha256:{'0' * 64}"}))
    person = people.add_person(
        site, TESTER, issuer="demo", subject="omni", username="omni", roles=tuple(SiteRole)
    )
    people.add_person(site, TESTER, issuer="demo", subject="nora", username="nora")
    people.add_person(
        site, TESTER, issuer="demo", subject="audra", username="audra", roles=(SiteRole.AUDITOR,)
    )
    with site.store.reading() as tx:
        place = memberships.listing(tx, project="onco")[0]
        approval = approvals.listing(tx, project="onco")[0]
    known = {"images": "answer", "datasets": "mri", "projects": "onco", "grants": made.grants["mri>onco"]}
    known |= {"people": made.ada.id, "memberships": place.id, "approvals": approval.id}
    served = application(Console(site, Door(), "/"), b"of this test")
    sockets = bind_sockets(0, "127.0.0.1")
    loop = asyncio.new_event_loop()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        HTTPServer(served, max_body_size=16 * 1024**2).add_sockets(sockets)
        loop.run_forever()

    thread = threading.Thread(target=serve)
    thread.start()
    yield Running(f"http://127.0.0.1:{sockets[0].getsockname()[1]}/", site, person, known)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    site.close()
    del os.environ["JUPYTERHUB_API_URL"], os.environ["JUPYTERHUB_API_TOKEN"]
