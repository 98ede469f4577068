"""A Hub whose people sign in through a real OpenID Connect provider, both with short lives."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests

from hub_ext.cli.setup import choices, oidc, settings_file, teardown
from hub_ext.cli.setup.children import Child
from hub_ext.cli.setup.choices import machine_lock
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.instance import Prepared
from hub_ext.cli.setup.layout import Layout, write_private
from hub_ext.cli.setup.serving import Serving
from hub_ext.cli.setup.steps import silent
from hub_ext.config import load_settings
from hub_ext.flows import people
from hub_ext.flows.site import Site, open_site
from hub_ext.settings import RegistrySettings
from tests.support import scenario as scenarios
from tests.support.hub import Visitor
from tests.support.ports import free_port
from tests.support.provider_wire import ProviderWire
from tests.support.scenario import STEWARD, Scenario

PASSWORD = "correct horse"
ACCESS_SECONDS = 2
# How long after the provider's last yes somebody may start something while it says nothing.
GRACE_SECONDS = 7
# A person is asked about at the latest after these seconds.
HEARD_SECONDS = 2 + 1
GROUPS = {"curator": ["image-makers"]}


@dataclass
class OidcHub:
    """The Hub, its provider, and the wire between them."""

    serving: Serving
    provider: Child
    wire: ProviderWire
    scenario: Scenario

    @property
    def site(self) -> Site:
        """The Hub's site, opened by the test."""
        return self.scenario.site

    @property
    def url(self) -> str:
        """Where browsers connect."""
        return self.serving.url

    @property
    def issuer(self) -> str:
        """The provider's own address."""
        return oidc.issuer(self.serving.ready.layout)

    def account(self, username: str, **changes: Any) -> None:
        """What the provider's administrator does: a new account, or another value; None takes it away."""
        file = self.serving.ready.layout.provider_file
        held = json.loads(file.read_text())
        known = held["accounts"].setdefault(
            username, {"sub": username, "name": username, "email": "", "groups": [], "password": PASSWORD}
        )
        for name, value in changes.items():
            known.pop(name, None)
            if value is not None:
                known[name] = value
        write_private(file, json.dumps(held))

    def block(self, username: str) -> None:
        """The provider knows them no more."""
        file = self.serving.ready.layout.provider_file
        held = json.loads(file.read_text())
        held["accounts"].pop(username, None)
        write_private(file, json.dumps(held))

    def rotate_keys(self) -> None:
        """The provider signs with a new key and publishes no other."""
        before = self._keys()
        os.kill(self.provider.process.pid, signal.SIGHUP)
        while self._keys() == before:
            pass

    def log(self) -> str:
        """What the Hub has said so far."""
        assert self.serving.hub is not None
        return self.serving.hub.log.read_text(errors="replace")

    def try_sign_in(
        self, username: str, password: str = PASSWORD, language: str = "en"
    ) -> tuple[requests.Session, requests.Response]:
        """The way from the Hub's login page through the provider's and back, and where it ends."""
        session = requests.Session()
        session.trust_env = False
        session.headers["Accept-Language"] = language
        page = session.get(f"{self.url}/hub/oauth_login?next=%2Fhub%2Fhome", timeout=30)
        assert page.url.startswith(f"{self.issuer}/interaction/"), page.text
        action = re.search(r'action="(/interaction/[^"]+)"', page.text)
        assert action, page.text
        answer = session.post(
            f"{self.issuer}{action[1]}", data={"username": username, "password": password}, timeout=30
        )
        answer.encoding = "utf-8"
        return session, answer

    def visitor(self, username: str) -> Visitor:
        """Somebody who has just signed in."""
        session, answer = self.try_sign_in(username)
        assert answer.status_code == 200, answer.text
        assert answer.url.startswith(f"{self.url}/"), answer.url
        session.get(f"{self.url}/hub/token", timeout=30)  # whose server runs comes to it, not to a Hub's page
        return Visitor(self.url, username, session)

    def _keys(self) -> Any:
        return requests.get(f"{self.issuer}/jwks", timeout=10).json()


@contextmanager
def running(
    state: Path, kept_state: Path, docker: EngineFacts, registry: RegistrySettings, stubs: Mapping[str, str]
) -> Iterator[OidcHub]:
    """An instance of its own below `state`; all of it stopped and removed at the end."""
    layout = Layout(state)
    layout.node.symlink_to(kept_state / "node")
    oidc.choose(layout)
    wire = ProviderWire(oidc.issuer(layout))
    settings = _settings(layout, docker, registry, stubs, wire)
    site = open_site(replace(settings, engine_url=docker.url))
    serving = Serving(Prepared(layout, settings, docker), silent)
    provider = oidc.start(
        layout, serving.url, {}, seconds={**oidc.SECONDS, "access_token": ACCESS_SECONDS, "id_token": 60}
    )
    try:
        made = asyncio.run(_scenario(site, settings.seed_image, state / "data", stubs, oidc.issuer(layout)))
        hub = OidcHub(serving, provider, wire, made)
        for name in ("ada", "bob", "carol"):
            hub.account(name)
        serving.start()
        yield hub
    finally:
        serving.stop()
        (kept_state / "artefacts").mkdir(exist_ok=True)
        log = layout.logs / "hub.log"
        if log.exists():
            (kept_state / "artefacts" / "e2e-oidc-hub.log").write_bytes(log.read_bytes())
        provider.stop()
        wire.close()
        site.close()
        teardown.remove_objects(settings)


def _settings(
    layout: Layout,
    docker: EngineFacts,
    registry: RegistrySettings,
    stubs: Mapping[str, str],
    wire: ProviderWire,
) -> Any:
    with machine_lock("choices"):
        chosen = choices.choose(layout.choices_file, docker.subnets)
    url = f"http://127.0.0.1:{free_port()}"
    oidc.write_settings(layout, settings_file.public_url(url))
    traits = settings_file.values(
        layout,
        chosen,
        engine_url=docker.url,
        registries=[registry],
        bind_url=url,
        seed_image=f"{registry.address}/stub/answer@{stubs['answer']}",
    )
    traits |= {"disk_reserve_bytes": 0, "stop_seconds": 2, "start_seconds": 20, "role_groups": GROUPS}
    layout.local_settings_file.write_text(
        "c.Authenticator.auth_refresh_age = 2\n"
        "c.CuratedOAuthenticator.watch_seconds = 1\n"
        f"c.CuratedOAuthenticator.grace_seconds = {GRACE_SECONDS}\n"
        f"c.CuratedOAuthenticator.token_url = {wire.url!r} + '/token'\n"
        f"c.CuratedOAuthenticator.userdata_url = {wire.url!r} + '/me'\n"
        f"c.CuratedOAuthenticator.jwks_url = {wire.url!r} + '/jwks'\n"
    )
    return load_settings(str(settings_file.write(layout, traits)))


async def _scenario(site: Site, seed: str, data: Path, stubs: Mapping[str, str], issuer: str) -> Scenario:
    repository, _, digest = seed.partition("@")
    await site.engine.pull(repository, digest)
    await site.engine.ensure_network()
    made = await scenarios.build(site, data, stubs, issuer=issuer)
    for name in ("dora", "emil", "fay"):
        person = await asyncio.to_thread(
            people.add_person, site, STEWARD, issuer=issuer, subject=name, username=name
        )
        await asyncio.to_thread(scenarios.projects.add_member, site, STEWARD, "onco", person.id, group="lab")
    return made
