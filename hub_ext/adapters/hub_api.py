"""What the Hub's REST API tells a service with a token of its own; a server stopped, a user forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any
from urllib.parse import quote

import aiohttp

from hub_ext.errors import HubExtError

PAGE = 200
PAGINATED = "application/jupyterhub-pagination+json"


class HubApiError(HubExtError):
    """The Hub did not answer, or refused our token."""


class HubSilent(HubApiError):
    """The Hub did not answer."""


class StartAnswer(StrEnum):
    """What the Hub says to the start of a server. Stored nowhere.

    refused: by the spawner, which has said why to whom it concerns
    sign-in: its person has to sign in again first
    busy: something that a start needs, such as the engine, does not answer
    not-now: something else is under way with this server
    """

    BEGUN = "begun"
    REFUSED = "refused"
    SIGN_IN = "sign-in"
    UNKNOWN_USER = "unknown-user"
    BUSY = "busy"
    NOT_NOW = "not-now"


@dataclass(frozen=True, slots=True)
class HubServer:
    """A server as the Hub knows it. `launch_id` is empty where the spawner kept none."""

    ready: bool
    pending: str | None
    launch_id: str


class HubApi:
    """Asynchronous client; use it as `async with HubApi(url, token) as hub`.

    Scopes needed: `list:users`, `read:servers`, `admin:server_state`.
    Every method raises HubApiError when the Hub does not answer within `seconds` or refuses.
    """

    def __init__(self, url: str, token: str, *, seconds: float = 30) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> HubApi:
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"token {self._token}", "Accept": PAGINATED},
            timeout=aiohttp.ClientTimeout(total=self._seconds),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    async def servers(self) -> tuple[HubServer, ...]:
        """Every server that is ready, page by page."""
        try:
            return tuple([server async for server in self._servers("ready")])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise HubApiError("The Hub's list of servers is not one.") from error

    async def launches(self) -> frozenset[str]:
        """The launch of every server that the Hub starts, has or stops."""
        try:
            return frozenset([server.launch_id async for server in self._servers("active")]) - {""}
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise HubApiError("The Hub's list of servers is not one.") from error

    async def stop(self, username: str, server_name: str) -> bool:
        """Orders the stop of a server; the Hub goes on with it. Needs `delete:servers`.

        False where the Hub has none to stop: it does not run, or is just being started.
        """
        server = f"servers/{quote(server_name, safe='')}" if server_name else "server"
        status = await self._delete(f"users/{quote(username, safe='')}/{server}")
        if status not in (202, 204, 400, 404):
            raise HubApiError("The Hub answered {status} to the stop of a server.", status=status)
        return status in (202, 204)

    async def start(self, username: str, server_name: str, options: Mapping[str, Any]) -> StartAnswer:
        """Orders the start of a server with these options. One that is being started is begun.

        Needs `start:servers`. Raises HubSilent, too.
        """
        server = f"servers/{quote(server_name, safe='')}" if server_name else "server"
        url = f"{self._url}/users/{quote(username, safe='')}/{server}"
        try:
            async with self._held().post(url, json={"user_options": dict(options)}) as response:
                status, text = response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise HubSilent("The Hub did not answer: {kind}.", kind=type(error).__name__) from error
        answers = {201: StartAnswer.BEGUN, 202: StartAnswer.BEGUN, 400: StartAnswer.NOT_NOW}
        answers |= {404: StartAnswer.UNKNOWN_USER, 409: StartAnswer.REFUSED}
        answers |= dict.fromkeys((429, 502, 503, 504), StartAnswer.BUSY)
        if status in answers:
            return answers[status]
        # The Hub says 403 to a token without the scope as well, which is none of the person's doing.
        if status == 403 and "auth has expired" in text:
            return StartAnswer.SIGN_IN
        raise HubApiError("The Hub answered {status} to the start of a server.", status=status)

    async def forget_user(self, username: str) -> None:
        """Takes a user, with their tokens and server names, from the Hub's own database, if there is one.

        Needs `delete:users`. One of them whose server runs would lose it.
        """
        status = await self._delete(f"users/{quote(username, safe='')}")
        if status not in (204, 404):
            raise HubApiError("The Hub answered {status} to the end of a user.", status=status)

    async def _delete(self, path: str) -> int:
        try:
            async with self._held().delete(f"{self._url}/{path}") as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise HubApiError("The Hub did not answer: {kind}.", kind=type(error).__name__) from error

    async def _servers(self, state: str) -> AsyncIterator[HubServer]:
        url: str | None = f"{self._url}/users?state={state}&limit={PAGE}"
        while url:
            page = await self._get(url)
            for user in page["items"]:
                for model in user["servers"].values():
                    yield _server(model)
            following = page["_pagination"]["next"]
            url = following["url"] if following else None

    def _held(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("HubApi is used outside `async with`")
        return self._session

    async def _get(self, url: str) -> Any:
        try:
            async with self._held().get(url) as response:
                if response.status in (401, 403):
                    raise HubApiError(
                        "The Hub refused our token (HTTP {status}).",
                        advice="Check the scopes of this service in jupyterhub_config.py.",
                        status=response.status,
                    )
                if response.status != 200:
                    raise HubApiError(
                        "The Hub answered {status} to a question of ours.", status=response.status
                    )
                return await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise HubApiError("The Hub did not answer: {kind}.", kind=type(error).__name__) from error


def _server(model: Mapping[str, Any]) -> HubServer:
    state = model.get("state") or {}
    return HubServer(
        ready=bool(model.get("ready")),
        pending=model.get("pending"),
        launch_id=str(state.get("launch_id") or ""),
    )
