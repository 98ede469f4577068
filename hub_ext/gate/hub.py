"""What the gate asks of the Hub: whose token it is, and a token for an OAuth code. Asynchronous HTTP only."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

from hub_ext.adapters.launch_secrets import LaunchSecrets
from hub_ext.errors import HubExtError
from hub_ext.settings import Settings

ASK_SECONDS = 5.0
CONNECT_SECONDS = 2.0
MOST_CONNECTIONS = 32
_NO = (401, 403, 404)


class HubSilentError(HubExtError):
    """The Hub gave no answer that says yes or no: refused, too late, or an error of its own."""


@dataclass(frozen=True, slots=True)
class TokenOwner:
    """Whose token it is, and what it may do: scopes in JupyterHub's own words, expanded.

    `name` is a username, or a service's where `is_service` says so.
    """

    name: str
    is_service: bool
    scopes: frozenset[str]


class HubClient:
    """The Hub's API on loopback. Entered once, on the loop that uses it."""

    def __init__(self, settings: Settings) -> None:
        self._api = f"http://127.0.0.1:{settings.hub_port}/hub/api"
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=ASK_SECONDS, connect=CONNECT_SECONDS)
        connector = aiohttp.TCPConnector(limit=MOST_CONNECTIONS)
        # No cookies: those of one person must never go with the question about another.
        self._session = aiohttp.ClientSession(
            timeout=timeout, connector=connector, cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def owner_of(self, token: str) -> TokenOwner | None:
        """Whose token it is; None where the Hub knows none such. Raises HubSilentError."""
        # Letters that no header can carry are no token, and must not look like a silence.
        if not (token.isascii() and token.isprintable()):
            return None
        headers = {"Authorization": f"token {token}"}
        status, answer = await self._request("GET", "/user", headers=headers)
        if status in _NO:
            return None
        if status != 200:
            raise _silent(f"status {status}")
        try:
            is_service = answer["kind"] != "user"
            return TokenOwner(str(answer["name"]), is_service, frozenset(map(str, answer["scopes"])))
        except (KeyError, TypeError) as error:
            raise _silent("an answer without name, kind or scopes") from error

    async def token_for_code(self, secrets: LaunchSecrets, code: str, verifier: str) -> str | None:
        """The token for the code of an OAuth callback; None where the Hub refuses.

        Raises HubSilentError.
        """
        form = {
            "client_id": secrets.oauth_client_id,
            "client_secret": secrets.oauth_client_secret,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": secrets.oauth_callback_url,
            "code_verifier": verifier,
        }
        status, answer = await self._request("POST", "/oauth2/token", form=form)
        if status in (400, *_NO):
            return None
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if status != 200 or not isinstance(token, str):
            raise _silent(f"status {status}")
        return token

    async def _request(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        assert self._session is not None, "HubClient is used before it is entered"
        try:
            async with self._session.request(
                method, self._api + path, headers=headers, data=form, allow_redirects=False
            ) as response:
                answer = await response.json(content_type=None) if response.status == 200 else None
                return response.status, answer
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise _silent(type(error).__name__) from error
        except ValueError as error:
            raise _silent("an answer that is no JSON") from error


def _silent(why: str) -> HubSilentError:
    return HubSilentError("The Hub does not answer: {why}.", why=why)
