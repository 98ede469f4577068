"""People who use the console, over HTTP as a browser or as a program does."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

import requests

from hub_ext.flows import people
from hub_ext.flows.site import Site
from hub_ext.model import Person, SiteRole
from tests.support.hub import STARTED_SECONDS, RunningHub, Visitor, wait_for
from tests.support.scenario import STEWARD

# One for each role, by username; the accounts' passwords stand with the others in `hub`.
BY_ROLE = {
    "cora": SiteRole.CURATOR,
    "stella": SiteRole.STEWARD,
    "otto": SiteRole.OPERATOR,
    "audra": SiteRole.AUDITOR,
}
PREFIX = "/services/console/"


def add_people(site: Site) -> dict[str, Person]:
    """One person for each role, with that role and no other right."""
    return {
        name: people.add_person(site, STEWARD, issuer="demo", subject=name, username=name, roles=(role,))
        for name, role in BY_ROLE.items()
    }


@dataclass
class ConsoleVisitor:
    """Somebody signed in to the console."""

    visitor: Visitor

    @property
    def root(self) -> str:
        """The console's address, with a slash at its end."""
        return f"{self.visitor.url}{PREFIX}"

    def page(self, path: str = "", **more: Any) -> requests.Response:
        """GET of a page such as "images"."""
        return self.visitor.session.get(f"{self.root}{path}", timeout=60, **more)

    def send(
        self, path: str, fields: dict[str, Any], *, of: str | None = None, **more: Any
    ) -> requests.Response:
        """The form of the page `of` (the home page), sent to `path`; ends at the page to which it leads."""
        token = hidden(self.page(of or "").text, "_xsrf")
        return self.visitor.session.post(
            f"{self.root}{path}", data={"_xsrf": token, **fields}, timeout=60, **more
        )

    def token(self, *scopes: str) -> str:
        """A new token of the Hub for the API; without scopes it may what its owner may."""
        answer = self.visitor.api("POST", "tokens", {"scopes": list(scopes)} if scopes else {})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])


@dataclass
class ApiClient:
    """A program with a token."""

    url: str
    token: str

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """A call of the API, such as "images/python"."""
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method, f"{self.url}{PREFIX}api/v1/{path}", json=body, headers=headers, timeout=60, **more
            )


def hidden(page: str, name: str) -> str:
    """The value of a hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, page
    return html.unescape(found[1])


def enter(hub: RunningHub, name: str, language: str = "en") -> ConsoleVisitor:
    """Signs in to the Hub and comes to the console."""
    made = ConsoleVisitor(hub.visitor(name, language))
    # The Hub answers some seconds before its services do.
    wait_for(lambda: made.page().status_code not in (404, 503), STARTED_SECONDS)
    answer = made.page()
    assert answer.status_code == 200, answer.text
    assert answer.url == made.root
    return made


def program(visitor: ConsoleVisitor, *scopes: str) -> ApiClient:
    """A program with a token of that visitor."""
    return ApiClient(visitor.visitor.url, visitor.token(*scopes))


def chain_verified(api: ApiClient) -> dict[str, Any]:
    """The chain's state after a verification that began with this call."""
    before = api.call("GET", "audit/chain").json()["whole_at"]
    assert api.call("POST", "audit/chain").status_code == 202
    wait_for(lambda: api.call("GET", "audit/chain").json()["whole_at"] != before, 30)
    state: dict[str, Any] = api.call("GET", "audit/chain").json()
    assert state["ok"] is True
    return state
