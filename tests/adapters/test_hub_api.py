"""The Hub's answers: read page by page, and never taken for "nothing" where they are none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub_ext.adapters.hub_api import HubApi, HubApiError, HubServer, HubSilent, StartAnswer

Answer = Callable[[web.Request], web.StreamResponse]


class Hub:
    """A Hub that answers what the test says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.answer: Answer = lambda request: web.json_response({})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any GET, DELETE or POST."""
        self.asked.append(request)
        return self.answer(request)


@pytest.fixture
def hub() -> Hub:
    """A Hub that says {}."""
    return Hub()


@pytest_asyncio.fixture
async def api(hub: Hub) -> AsyncIterator[HubApi]:
    """A client of that Hub."""
    app = web.Application()
    app.router.add_get("/{path:.*}", hub.handle)
    app.router.add_delete("/{path:.*}", hub.handle)
    app.router.add_post("/{path:.*}", hub.handle)
    server = TestServer(app)
    await server.start_server()
    async with HubApi(f"{server.make_url('/hub/api')}", "s3cret", seconds=5) as held:
        yield held
    await server.close()


def page(servers: list[dict[str, Any]], following: str | None) -> dict[str, Any]:
    """One page of GET /users, of one person."""
    return {
        "items": [{"name": "ada", "servers": {str(number): held for number, held in enumerate(servers)}}],
        "_pagination": {"next": {"url": following} if following else None},
    }


async def test_servers_of_every_page_are_read(hub: Hub, api: HubApi) -> None:
    first = {"ready": True, "pending": None, "state": {"launch_id": "lau-1"}}
    second = {"ready": False, "pending": "stop", "state": None}

    def answer(request: web.Request) -> web.StreamResponse:
        if "offset" in request.query:
            return web.json_response(page([second], None))
        return web.json_response(page([first], f"{request.url.with_query(offset=1)}"))

    hub.answer = answer
    assert await api.servers() == (
        HubServer(True, None, "lau-1"),
        HubServer(False, "stop", ""),
    )
    assert hub.asked[0].path == "/hub/api/users"
    assert hub.asked[0].query["state"] == "ready"
    assert {asked.headers["Authorization"] for asked in hub.asked} == {"token s3cret"}
    assert {asked.headers["Accept"] for asked in hub.asked} == {"application/jupyterhub-pagination+json"}


@pytest.mark.parametrize("status", [204, 401, 403, 404, 500, 503])
async def test_a_refusal_or_a_failure_is_not_an_empty_answer(hub: Hub, api: HubApi, status: int) -> None:
    hub.answer = lambda request: web.json_response({}, status=status)
    with pytest.raises(HubApiError) as told:
        await api.servers()
    assert ("scopes" in told.value.advice) is (status in (401, 403))


@pytest.mark.parametrize("said", ["<html>Bad gateway</html>", "{}", "[]", '{"items": [1]}'])
async def test_what_is_no_list_of_servers_is_a_failure(hub: Hub, api: HubApi, said: str) -> None:
    hub.answer = lambda request: web.Response(text=said)
    with pytest.raises(HubApiError):
        await api.servers()


async def test_a_hub_that_is_gone_is_a_failure() -> None:
    async with HubApi("http://127.0.0.1:9/hub/api", "s3cret", seconds=2) as api:
        with pytest.raises(HubApiError, match="did not answer"):
            await api.servers()


@pytest.mark.parametrize("status", [204, 404])
async def test_a_user_is_forgotten_once_or_again(hub: Hub, api: HubApi, status: int) -> None:
    hub.answer = lambda request: web.Response(status=status)
    await api.forget_user("ada/../bob")
    assert [(asked.method, asked.raw_path) for asked in hub.asked] == [
        ("DELETE", "/hub/api/users/ada%2F..%2Fbob")
    ]


@pytest.mark.parametrize("status", [202, 400, 401, 403, 500, 503])
async def test_a_user_who_is_still_there_is_not_forgotten(hub: Hub, api: HubApi, status: int) -> None:
    hub.answer = lambda request: web.Response(status=status)
    with pytest.raises(HubApiError, match=str(status)):
        await api.forget_user("ada")


@pytest.mark.parametrize(
    ("status", "said", "answer"),
    [
        (201, "", StartAnswer.BEGUN),
        (202, "", StartAnswer.BEGUN),
        (400, "pending stop", StartAnswer.NOT_NOW),
        (403, "auth has expired for ada, login again", StartAnswer.SIGN_IN),
        (404, "", StartAnswer.UNKNOWN_USER),
        (409, "refused", StartAnswer.REFUSED),
        (503, "the engine does not answer", StartAnswer.BUSY),
    ],
)
async def test_a_start_is_ordered_and_its_answer_understood(
    hub: Hub, api: HubApi, status: int, said: str, answer: StartAnswer
) -> None:
    hub.answer = lambda request: web.json_response({"message": said}, status=status)
    assert await api.start("a/da", "second", {"gpus": 1}) is answer
    assert await api.start("a/da", "", {"gpus": 1}) is answer
    assert [(request.method, request.raw_path) for request in hub.asked] == [
        ("POST", "/hub/api/users/a%2Fda/servers/second"),
        ("POST", "/hub/api/users/a%2Fda/server"),
    ]


@pytest.mark.parametrize("status", [403, 500])
async def test_a_start_that_our_token_may_not_order_is_a_failure(hub: Hub, api: HubApi, status: int) -> None:
    hub.answer = lambda request: web.json_response({"message": "no"}, status=status)
    with pytest.raises(HubApiError) as raised:
        await api.start("ada", "", {})
    assert not isinstance(raised.value, HubSilent)


async def test_a_hub_that_is_gone_starts_nothing_and_says_nothing() -> None:
    async with HubApi("http://127.0.0.1:9/hub/api", "s3cret", seconds=2) as gone:
        with pytest.raises(HubSilent):
            await gone.start("ada", "", {})
