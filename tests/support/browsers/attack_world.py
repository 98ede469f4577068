"""A victim, an attacker and their servers, behind our gate and behind a proxy that asks nothing.

The victim is an operator and a researcher in two projects. Her server in onco runs what an attacker made of
it, as after a notebook of a colleague's; her server in cardio has what that attacker is after. The attacker,
in onco too, has a server of her own, and a site of her own on loopback, under any name of this machine.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from hub_ext.adapters import launch_secrets
from hub_ext.adapters.store import images, launches, revisions
from hub_ext.flows import people
from hub_ext.model import Launch, Person, SiteRole
from hub_ext.settings import RegistrySettings
from tests.support import stub_image
from tests.support.browsers import hostile_server
from tests.support.browsers.driver import Page
from tests.support.browsers.hostile_server import HostileServer
from tests.support.browsers.weak_proxy import OpenUpstream, WeakProxy
from tests.support.hub import PASSWORDS, RunningHub, Visitor
from tests.support.scenario import STEWARD

HOSTILE = "hostile"


@dataclass(frozen=True)
class AttackedServer:
    """A server of the world. `path` is its prefix; `origin` is that of its pages."""

    launch: Launch
    origin: str
    path: str

    @property
    def address(self) -> str:
        """Below which its pages are, with a slash at its end."""
        return self.origin + self.path

    @property
    def host(self) -> str:
        """Its name, without the port."""
        return urlsplit(self.origin).hostname or ""


@dataclass
class AttackWorld:
    """Everything of it; `infected` and `private` are the victim's servers."""

    hub: RunningHub
    victim: Visitor
    infected: AttackedServer
    private: AttackedServer
    attackers: AttackedServer
    weak: WeakProxy
    elsewhere: HostileServer

    def elsewhere_at(self, host: str) -> str:
        """The attacker's own site under that name."""
        return f"http://{host}:{self.elsewhere.server_port}"

    def seen_by(self, server: AttackedServer) -> list[str]:
        """What reached that server of the victim's so far, as METHOD and address."""
        answer = self.victim.session.get(f"{server.address}seen", timeout=20)
        assert answer.status_code == 200, answer.text
        return [str(line) for line in answer.json()]

    def tokens(self) -> set[str]:
        """The ids of the victim's API tokens at the Hub."""
        answer = self.victim.api("GET", "tokens")
        assert answer.status_code == 200, answer.text
        return {str(token["id"]) for token in answer.json()["api_tokens"]}


def page_of(address: str, body: str = "", kind: str = "text/html", status: int = 200, **headers: str) -> str:
    """The address of a page with that body at a hostile server."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    more = "".join(f"&header={quote(line)}" for line in lines)
    return f"{address}page?type={quote(kind)}&status={status}&body={quote(body)}{more}"


def sign_in(page: Page, hub: RunningHub, name: str) -> None:
    """By the Hub's own form, as a person does."""
    page.open(f"{hub.url}/hub/login?next=%2Fhub%2Fhome")
    page.run(
        "document.querySelector('#username_input').value = name;"
        "document.querySelector('#password_input').value = password;"
        "setTimeout(() => document.querySelector('#login_submit').click())",
        name=name,
        password=PASSWORDS[name],
    )
    page.wait("return location.pathname == '/hub/home' && document.readyState == 'complete'")


@contextmanager
def attack_world(
    hub: RunningHub,
    registry: RegistrySettings,
    answer_digest: str,
    docker_config: Path,
    victim_name: str,
    attacker_name: str,
) -> Iterator[AttackWorld]:
    """The world, with servers that run; its people, whom nobody had before, have ended afterwards."""
    _publish(hub, registry, answer_digest, docker_config)
    victim = hub.add_person(victim_name, "onco", "cardio", roles=(SiteRole.OPERATOR,))
    attacker = hub.add_person(attacker_name, "onco")
    victims, attackers = hub.visitor(victim_name), hub.visitor(attacker_name)
    settings = hub.site.settings
    weak = WeakProxy(f"127.0.0.1:{settings.hub_port}", f"127.0.0.1:{settings.console_port}", {})
    elsewhere = HostileServer("127.0.0.1", 0)
    elsewhere.start()
    try:
        yield AttackWorld(
            hub,
            victims,
            infected=_start(hub, victims, victim, "onco", "", weak),
            private=_start(hub, victims, victim, "cardio", "private", weak),
            attackers=_start(hub, attackers, attacker, "onco", "", weak),
            weak=weak,
            elsewhere=elsewhere,
        )
    finally:
        for name in (victim_name, attacker_name):
            hub.visitor(name).forget()
        for person in (victim, attacker):
            people.end_person(hub.site, STEWARD, person.id, "the tests with browsers are over")
        weak.close()
        elsewhere.close()


def _publish(hub: RunningHub, registry: RegistrySettings, answer_digest: str, docker_config: Path) -> None:
    """The image whose server is an attacker's, under its slug; nothing where it is there."""
    with hub.site.store.reading() as tx:
        if images.find(tx, HOSTILE) is not None:
            return
    python = Path(sys.executable).resolve()
    program = f"#!{python}\n{Path(hostile_server.__file__).read_text(encoding='utf-8')}"
    digest = stub_image.change(
        *(registry, hub.site.settings.engine_url, answer_digest, f"stub/{HOSTILE}:1"),
        docker_config=docker_config,
        files={"opt/hub-ext/bin/jupyter-lab": program},
    )
    with hub.site.store.transaction() as tx:
        answer = images.get(tx, "answer")
        images.add(tx, replace(answer, slug=HOSTILE, path=f"stub/{HOSTILE}", revision=1))
        revision = revisions.find(tx, "answer", answer.revision)
        assert revision is not None
        revisions.add(tx, replace(revision, entry=HOSTILE, number=1, digest=digest))


def _start(
    hub: RunningHub, visitor: Visitor, person: Person, project: str, name: str, weak: WeakProxy
) -> AttackedServer:
    options = {"project": project, "environment": HOSTILE, "datasets": [], "size": "s", "gpus": 0}
    answer = visitor.api("POST", f"servers/{name}" if name else "server", {"user_options": options})
    assert answer.status_code in (201, 202), answer.text
    visitor.wait_ready(name)
    with hub.site.store.reading() as tx:
        launch = launches.last_of(tx, person.id, name)
    assert launch is not None
    secrets = launch_secrets.read(hub.site.settings, launch.id)
    assert secrets is not None
    parts = urlsplit(visitor.enter(name))
    weak.servers[parts.path] = OpenUpstream(launch.upstream, secrets.token)
    return AttackedServer(launch, f"{parts.scheme}://{parts.netloc}", parts.path)
