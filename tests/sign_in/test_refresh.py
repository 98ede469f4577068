"""A provider's yes, its no, and everything that is neither.

The provider here says what a real one says only when it is broken; the protocols' own answers are among it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from hub_ext.sign_in.oauth import CONFIRMED, CuratedOAuthenticator
from hub_ext.sign_in.refresh import RECEIVED

CLAIMS = {"sub": "s-1", "name": "marie", "groups": ["lab"]}
EXPIRED = web.HTTPUnauthorized


@dataclass
class Provider:
    """What its two endpoints answer next: (status, body), by access token for userinfo."""

    userinfo: dict[str, tuple[int, Any]] = field(default_factory=dict)
    token: tuple[int, Any] = (500, {})
    asked: list[str] = field(default_factory=list)
    url: str = ""
    seconds: float = 0

    async def tell(self, request: web.Request) -> web.StreamResponse:
        held = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.asked.append(f"userinfo {held}")
        return _answer(*self.userinfo.get(held, (401, {"error": "invalid_token"})))

    async def give(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        self.asked.append(f"token {form['refresh_token']}")
        await asyncio.sleep(self.seconds)
        return _answer(*self.token)


def _answer(status: int, body: Any) -> web.Response:
    if isinstance(body, str):
        return web.Response(status=status, text=body, content_type="text/html")
    headers = {"WWW-Authenticate": body["WWW-Authenticate"]} if "WWW-Authenticate" in body else None
    return web.json_response(body, status=status, headers=headers)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    app = web.Application()
    app.router.add_get("/userinfo", made.tell)
    app.router.add_post("/token", made.give)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
    yield made
    await runner.cleanup()


@pytest.fixture
def door(provider: Provider) -> CuratedOAuthenticator:
    async def hook(identity: Any, groups: Any, *, told: bool) -> list[str]:
        return [*sorted(groups), "hub-ext:curator", *([] if told else ["as-they-were"])]

    return CuratedOAuthenticator(
        issuer="https://id.example",
        jwks_url=f"{provider.url}/keys",
        client_id="hub",
        client_secret="secret",
        userdata_url=f"{provider.url}/userinfo",
        token_url=f"{provider.url}/token",
        username_claim="name",
        manage_groups=True,
        auth_state_groups_key="oauth_user.groups",
        groups_hook=hook,
        grace_seconds=3600,
    )


class Marie:
    """A user of the Hub whose last sign-in left these tokens."""

    name = "marie"

    def __init__(self, access: str = "old", refresh: str | None = "r-1", since: float | None = None) -> None:
        self.groups = [SimpleNamespace(name="lab")]
        response = {"access_token": access, "refresh_token": refresh, "token_type": "Bearer"}
        self.state: dict[str, Any] | None = {
            "token_response": response,
            "refresh_token": refresh,
            "oauth_user": CLAIMS,
            CONFIRMED: time.time() if since is None else since,
        }

    async def get_auth_state(self) -> dict[str, Any] | None:
        return self.state

    async def save_auth_state(self, state: dict[str, Any]) -> None:
        self.state = state


async def test_a_yes_is_noted_and_brings_the_groups(door: CuratedOAuthenticator, provider: Provider) -> None:
    provider.userinfo["old"] = 200, {**CLAIMS, "groups": ["ward"]}
    model = await door.refresh_user(Marie(since=0))
    assert model["groups"] == ["ward", "hub-ext:curator"]
    assert door.confirmed(model["auth_state"])
    assert not door.confirmed(await Marie(since=0).get_auth_state())


async def test_an_expired_token_is_exchanged(door: CuratedOAuthenticator, provider: Provider) -> None:
    provider.userinfo["new"] = 200, CLAIMS
    provider.token = 200, {"access_token": "new", "token_type": "Bearer"}
    model = await door.refresh_user(Marie())
    assert model["auth_state"]["access_token"] == "new"
    assert model["auth_state"]["refresh_token"] == "r-1", "the provider gave no other"


@pytest.mark.parametrize("status", [400, 401])
async def test_a_refused_refresh_token_is_a_no(
    door: CuratedOAuthenticator, provider: Provider, status: int
) -> None:
    provider.token = status, {"error": "invalid_grant"}
    assert await door.refresh_user(Marie()) is False


async def test_a_fresh_token_that_opens_nothing_is_a_no(
    door: CuratedOAuthenticator, provider: Provider
) -> None:
    provider.token = 200, {"access_token": "new", "token_type": "Bearer"}
    assert await door.refresh_user(Marie()) is False


async def test_new_tokens_are_kept_whatever_comes_next(
    door: CuratedOAuthenticator, provider: Provider
) -> None:
    """A refresh token may be good for one use, and userinfo may fail just after it was used."""
    marie = Marie()
    provider.token = 200, {"access_token": "new", "refresh_token": "r-2", "token_type": "Bearer"}
    provider.userinfo["new"] = 503, "down for maintenance"
    assert await door.refresh_user(marie) is True
    assert door.identity("marie", marie.state) == ("https://id.example", "s-1")
    provider.userinfo["new"] = 401, {"error": "invalid_token"}
    provider.token = 200, {"access_token": "newer", "refresh_token": "r-3", "token_type": "Bearer"}
    provider.userinfo["newer"] = 200, CLAIMS
    assert (await door.refresh_user(marie))["auth_state"]["refresh_token"] == "r-3"
    assert provider.asked[-2:] == ["token r-2", "userinfo newer"]


@pytest.mark.parametrize(
    ("told", "setting", "outcome"), [({"refresh_expires_in": 60}, 0, True), ({}, 60, True), ({}, 0, False)]
)
async def test_a_refresh_token_that_came_to_its_own_end_says_nothing(
    door: CuratedOAuthenticator, provider: Provider, told: dict[str, int], setting: int, outcome: bool
) -> None:
    marie = Marie()
    assert marie.state is not None
    marie.state["token_response"] |= told
    marie.state[RECEIVED] = time.time() - 61
    door.refresh_token_seconds = setting
    provider.token = 400, {"error": "invalid_grant"}
    assert await door.refresh_user(marie) is outcome


@pytest.mark.parametrize(
    ("challenge", "outcome"), [({}, True), ({"WWW-Authenticate": 'Bearer error="invalid_token"'}, False)]
)
async def test_a_403_is_a_no_only_where_it_says_so(
    door: CuratedOAuthenticator, provider: Provider, challenge: dict[str, str], outcome: bool
) -> None:
    """A firewall's page has that status too."""
    provider.userinfo["new"] = 403, challenge
    provider.token = 200, {"access_token": "new", "token_type": "Bearer"}
    assert await door.refresh_user(Marie()) is outcome


async def test_a_kept_id_token_confirms_nobody(door: CuratedOAuthenticator, provider: Provider) -> None:
    """Where the claims are the ID token's, the provider itself is asked each time."""
    door.userdata_url = ""
    door.userdata_from_id_token = True
    assert await door.refresh_user(Marie()) is True
    assert provider.asked == ["token r-1"]


async def test_another_subject_is_a_no(door: CuratedOAuthenticator, provider: Provider) -> None:
    provider.userinfo["old"] = 200, {**CLAIMS, "sub": "s-2"}
    assert await door.refresh_user(Marie()) is False


@pytest.mark.parametrize(
    "token",
    [
        (500, {}),
        (503, "down for maintenance"),
        (429, {"error": "slow_down"}),
        (400, {"error": "invalid_client"}),  # our own settings are wrong
        (401, {"error": "invalid_client"}),
        (400, "<html>a proxy</html>"),
        (400, ["invalid_grant"]),
        (403, {"error": "invalid_grant"}),  # no answer of RFC 6749: a proxy's, perhaps
        (404, {}),
        (200, "<html>sign in to the hotel's network</html>"),
        (200, {}),
    ],
)
async def test_a_token_endpoint_that_is_broken_says_nothing(
    door: CuratedOAuthenticator, provider: Provider, token: tuple[int, Any]
) -> None:
    provider.token = token
    assert await door.refresh_user(Marie()) is True
    assert provider.asked == ["userinfo old", "token r-1"]


@pytest.mark.parametrize("told", [(500, {}), (503, "x"), (404, {}), (429, {}), (200, "<html>"), (200, {})])
async def test_a_userinfo_endpoint_that_is_broken_says_nothing(
    door: CuratedOAuthenticator, provider: Provider, told: tuple[int, Any]
) -> None:
    provider.userinfo["old"] = told
    assert await door.refresh_user(Marie()) is True
    assert provider.asked == ["userinfo old"]


async def test_a_provider_out_of_reach_says_nothing(door: CuratedOAuthenticator) -> None:
    door.userdata_url = "http://127.0.0.1:1/userinfo"
    assert await door.refresh_user(Marie()) is True


@pytest.mark.parametrize("refresh", [None, ""])
async def test_an_expired_token_without_another_says_nothing(
    door: CuratedOAuthenticator, refresh: str | None
) -> None:
    assert await door.refresh_user(Marie(refresh=refresh)) is True


async def test_who_left_nothing_is_not_confirmed(door: CuratedOAuthenticator) -> None:
    marie = Marie()
    marie.state = None
    assert await door.refresh_user(marie) is True
    assert not door.confirmed(None)


async def test_groups_left_out_leave_the_known_ones(door: CuratedOAuthenticator, provider: Provider) -> None:
    provider.userinfo["old"] = 200, {"sub": "s-1", "name": "marie"}
    model = await door.refresh_user(Marie())
    assert model["groups"] == ["lab", "hub-ext:curator", "as-they-were"]
    assert door.known_groups(frozenset({"lab"}), model["auth_state"]) is None


def test_the_grace_ends_by_the_clock_and_not_with_the_hub(door: CuratedOAuthenticator) -> None:
    now = time.time()
    assert door.confirmed({CONFIRMED: now - 3500})
    assert not door.confirmed({CONFIRMED: now - 3700})
    assert not door.confirmed({CONFIRMED: now + 60}), "a time to come confirms nothing"
    assert not door.confirmed({CONFIRMED: "yes"})


async def test_two_requests_at_once_use_a_refresh_token_one_after_the_other(
    door: CuratedOAuthenticator, provider: Provider
) -> None:
    provider.token, provider.seconds = (500, {}), 0.05
    await asyncio.gather(door.refresh_user(Marie()), door.refresh_user(Marie()))
    assert provider.asked == ["userinfo old", "token r-1"] * 2
