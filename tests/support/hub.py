"""A real Hub with its proxy, and people who use it over HTTP."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from hub_ext.adapters import gate
from hub_ext.adapters.engine import Engine
from hub_ext.adapters.store import images, revisions
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.cli.setup.serving import Serving
from hub_ext.flows import people, projects
from hub_ext.flows.site import Site
from hub_ext.model import Ceilings, ImageEntry, ImageRevision, ImageState, Person, SiteRole
from tests.support.patience import patient
from tests.support.scenario import STEWARD, Scenario
from tests.support.wire import Wire

PASSWORDS = {
    "ada": "analytical engine",
    "bob": "the builder",
    "carol": "of the bells",
    "cora": "keeps the images",
    "stella": "keeps the data",
    "otto": "keeps it running",
    "audra": "reads it all",
    "rosa": "asks for data",
    "magda": "leads a study",
    "zelda": "leaves for good",
    "mallory": "reads over shoulders",
    "vera": "trusts her browser",
    "viola": "keeps every cookie",
    "moriarty": "bakes some more",
    "nora": "draws what she is told",
    "tess": "brings her own tools",
}
STARTED_SECONDS = 90
NO_CEILINGS = Ceilings()


@dataclass
class Visitor:
    """Somebody signed in, with a browser's cookies."""

    url: str
    name: str
    session: requests.Session

    @property
    def xsrf(self) -> str:
        """The token that the Hub's own pages send along."""
        return (
            next(
                cookie.value
                for cookie in self.session.cookies
                if cookie.name == "_xsrf" and cookie.path == "/hub/"
            )
            or ""
        )

    def page(self, path: str, **more: Any) -> requests.Response:
        """GET of a page of the Hub, such as "spawn"."""
        return self.session.get(f"{self.url}/hub/{path}", timeout=patient(60), **more)

    def submit(self, fields: dict[str, Any], server: str = "", **more: Any) -> requests.Response:
        """The spawn form, sent as a browser does."""
        path = f"spawn/{self.name}/{server}" if server else "spawn"
        form = [(key, (None, item)) for key, value in fields.items() for item in _items(value)]
        return self.session.post(
            f"{self.url}/hub/{path}?_xsrf={quote(self.xsrf)}", files=form, timeout=patient(60), **more
        )

    def api(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """A call of the Hub's REST API for this person, such as "server"."""
        return self.session.request(
            method,
            f"{self.url}/hub/api/users/{self.name}/{path}?_xsrf={quote(self.xsrf)}",
            json=body,
            timeout=patient(60),
            **more,
        )

    def servers(self) -> dict[str, Any]:
        """Her servers as the Hub's API tells them."""
        answer = self.session.get(f"{self.url}/hub/api/users/{self.name}", timeout=patient(30))
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["servers"])

    def wait_ready(self, server: str = "", seconds: float = STARTED_SECONDS) -> None:
        """Returns once the server is ready."""
        wait_for(lambda: self.servers().get(server, {}).get("ready"), seconds)

    def wait_stopped(self, server: str = "", seconds: float = 60) -> None:
        """Returns once the Hub has no such server running or pending."""
        wait_for(
            lambda: not self.servers().get(server, {}).get("ready") and not self.pending(server), seconds
        )

    def pending(self, server: str = "") -> Any:
        """What the Hub is busy with on that server, if anything."""
        return self.servers().get(server, {}).get("pending")

    def forget(self) -> None:
        """Stops all her servers, and removes the named ones."""
        known = self.session.get(
            f"{self.url}/hub/api/users/{self.name}?include_stopped_servers", timeout=patient(30)
        )
        for name, server in known.json()["servers"].items():
            if server["ready"] or server["pending"]:
                self.stop(name)
            if name:
                self.api("DELETE", f"servers/{name}", {"remove": True})

    def enter(self, server: str = "") -> str:
        """Opens her server as a browser does, by way of the Hub; the address below which its pages are."""
        below = f"/user/{self.name}/{server}/" if server else f"/user/{self.name}/"
        page = self.session.get(f"{self.url}{below}lab", headers={"Accept": "text/html"}, timeout=patient(30))
        assert page.status_code == 200, page.text
        assert page.url.endswith(f"{below}lab"), page.url
        return page.url.removesuffix("lab")

    def stop(self, server: str = "") -> None:
        """Stops the server and waits for its end."""
        self.api("DELETE", f"servers/{server}" if server else "server")
        self.wait_stopped(server)


@dataclass
class RunningHub:
    """The Hub of this run's instance. `wire` is its only way to the engine."""

    serving: Serving
    wire: Wire
    scenario: Scenario

    @property
    def site(self) -> Site:
        """The Hub's site, opened by the test: the same store, the engine without the wire."""
        return self.scenario.site

    @property
    def url(self) -> str:
        """Where browsers connect."""
        return self.serving.url

    def visitor(
        self, name: str, language: str = "en", password: str = "", *, authority: Path | None = None
    ) -> Visitor:
        """Somebody who has just signed in; `authority` is what their browser trusts."""
        session = requests.Session()
        session.trust_env = False
        session.verify = str(authority) if authority else True
        session.hooks["response"].append(_utf8)
        session.headers["Accept-Language"] = language
        # Else the Hub leads on to a server that runs.
        sign_in = f"{self.url}/hub/login?next=%2Fhub%2Fhome"
        page = session.get(sign_in, timeout=patient(30))
        token = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
        assert token, page.text
        answer = session.post(
            sign_in,
            data={"username": name, "password": password or PASSWORDS[name], "_xsrf": token[1]},
            timeout=patient(30),
        )
        assert answer.status_code == 200, answer.text
        assert "login" not in answer.url
        return Visitor(self.url, name, session)

    def add_person(self, name: str, *member_of: str, roles: tuple[SiteRole, ...] = ()) -> Person:
        """Somebody whom no other test knows, a member of these projects for a month."""
        until = self.site.now() + timedelta(days=30)
        person = people.add_person(
            self.site, STEWARD, issuer="demo", subject=name, username=name, roles=roles
        )
        for project in member_of:
            projects.add_member(self.site, STEWARD, project, person.id, valid_until=until)
        return person

    def publish(self, slug: str, built: BuiltImage, ceilings: Ceilings = NO_CEILINGS) -> None:
        """A real image of this checkout in the catalogue under that slug; nothing where it is there."""
        reference, recipe, now = built.reference, built.recipe, self.site.now()
        entry = ImageEntry(
            slug,
            recipe.title,
            recipe.description,
            reference.alias,
            reference.path,
            built.tag,
            now,
            ImageState.PUBLISHED,
            revision=1,
            interface=recipe.interface,
            start_url=recipe.start_url,
            ceilings=ceilings,
        )
        with self.site.store.transaction() as tx:
            if images.find(tx, slug) is None:
                images.add(tx, entry)
                revisions.add(tx, ImageRevision(slug, 1, reference.digest, now, "tester", now))

    def kill(self) -> None:
        """kill -9 of the Hub; proxy, services and servers are left to themselves."""
        assert self.serving.hub is not None
        self.serving.hub.process.kill()
        self.serving.hub.process.wait()

    def start_again(self) -> None:
        """The Hub, after a kill."""
        self.serving.restart_hub()
        assert self.serving.hub is not None
        self.serving.hub.wait_ready(self.serving.answers, self.serving.ready_seconds)

    def kill_process(self, name: str) -> None:
        """kill -9 of the gate or the front."""
        child = self.serving.gate if name == "gate" else self.serving.front
        assert child is not None
        child.process.kill()
        child.process.wait()

    def start_process(self, name: str) -> None:
        """The gate or the front, after a kill."""
        (self.serving.restart_gate if name == "gate" else self.serving.restart_front)()
        wait_for(lambda: self.serving.answers() and gate.alive(self.site.settings), 30)

    def containers(self, labels: dict[str, str]) -> list[str]:
        """Names of containers with these labels, whatever their state."""

        async def ask() -> list[str]:
            engine = Engine(self.site.settings)
            try:
                return [container.name for container in await engine.listing(labels)]
            finally:
                engine.close()

        return asyncio.run(ask())

    def log(self) -> str:
        """What the Hub has said so far."""
        assert self.serving.hub is not None
        return self.serving.hub.log.read_text(errors="replace")


def wait_for(true: Any, seconds: float) -> None:
    """Returns once `true()` is. Raises AssertionError after `seconds` of a usual machine."""
    wait_within(true, patient(seconds))


def wait_within(true: Any, seconds: float) -> None:
    """As wait_for, with a bound that the product promises on every machine."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.2)


def _utf8(answer: requests.Response, *_: Any, **__: Any) -> None:
    # The Hub's pages say it in the page itself, where browsers look.
    answer.encoding = "utf-8"


def _items(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
