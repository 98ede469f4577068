"""People who start and stop servers over HTTP, as a page does: one request, then the Hub's stream."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import ResolveResult
from yarl import URL

from bench.raw_client import ServerAddress

LONGEST_SECONDS = 600
_STOP_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Start:
    """One request for a server: when (time.monotonic()), and the seconds until the Hub says ready.

    `failure` is what the Hub said; "" for a server that came up.
    """

    user: str
    began: float
    seconds: float
    failure: str = ""


class LocalNames(aiohttp.ThreadedResolver):
    """Finds names below .localhost on this machine, as browsers do and glibc does not."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of that name."""
        return await super().resolve("127.0.0.1" if host.endswith("localhost") else host, port, family)


class Visitor:
    """Somebody who is signed in, with cookies of their own."""

    def __init__(self, url: str, name: str, session: aiohttp.ClientSession, xsrf: str) -> None:
        self.url = url
        self.name = name
        self._session = session
        self._xsrf = xsrf

    @classmethod
    async def signed_in(cls, url: str, name: str, password: str, connector: aiohttp.BaseConnector) -> Visitor:
        """Through the sign-in page. Raises RuntimeError where the Hub refuses."""
        session = aiohttp.ClientSession(
            connector=connector,
            connector_owner=False,
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            timeout=aiohttp.ClientTimeout(total=LONGEST_SECONDS),
        )
        # To a page of the Hub's: where a server of theirs runs, the way would lead into it.
        login = f"{url}/hub/login?next=%2Fhub%2Fhome"
        async with session.get(login) as page:
            token = re.search(r'name="_xsrf" value="([^"]+)"', await page.text())
        if token is None:
            raise RuntimeError(f"{url} has no sign-in page")
        form = {"username": name, "password": password, "_xsrf": token[1]}
        async with session.post(login, data=form) as answer:
            if answer.status != 200 or "/login" in str(answer.url):
                raise RuntimeError(f"{name} cannot sign in at {url}: HTTP {answer.status}")
        # Every page of the Hub sets the token anew; the one of /hub/ is what its API wants.
        xsrf = next(
            cookie.value
            for cookie in session.cookie_jar
            if cookie.key == "_xsrf" and cookie["path"] == "/hub/"
        )
        return cls(url, name, session, xsrf)

    async def close(self) -> None:
        """Forgets the cookies."""
        await self._session.close()

    async def start(self, options: dict[str, Any]) -> Start:
        """Asks for the default server and waits until the Hub says that it is ready, or that it failed."""
        began = time.monotonic()
        async with self._call("POST", "server", options) as answer:
            said = await answer.text()
        failure = ""
        if answer.status == 202:
            failure = await self._followed()
        elif answer.status != 201:
            failure = f"HTTP {answer.status}: {said[:200]}"
        return Start(self.name, began, time.monotonic() - began, failure)

    async def _followed(self) -> str:
        # Asking the Hub for the state again and again would slow down what is measured.
        async with self._call("GET", "server/progress") as stream:
            async for line in stream.content:
                if not line.startswith(b"data:"):
                    continue
                event = json.loads(line[5:])
                if event.get("ready"):
                    return ""
                if event.get("failed"):
                    return str(event.get("message") or "failed")
        return "the Hub's stream ended"

    async def stop(self) -> float:
        """Stops the default server; the seconds until the Hub says that it has ended."""
        began = time.monotonic()
        async with self._call("DELETE", "server") as answer:
            status = answer.status
        while status == 202 and await self.has_server():  # noqa: ASYNC110
            await asyncio.sleep(_STOP_POLL_SECONDS)
        return time.monotonic() - began

    async def enter(self) -> ServerAddress:
        """Opens the default server, which runs, as a browser does.

        Returns where its pages are found to be, with the cookies for it. Raises RuntimeError where the way
        does not end at the server.
        """
        page = {"Accept": "text/html", "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
        page |= {"Sec-Fetch-Dest": "document"}
        async with self._session.get(f"{self.url}/user/{self.name}/", headers=page) as answer:
            await answer.read()
        found = re.match(rf"/user/{re.escape(self.name)}/", answer.url.path)
        if answer.status != 200 or found is None:
            raise RuntimeError(f"{self.name} cannot open their server: HTTP {answer.status} of {answer.url}")
        base = URL.build(
            scheme=answer.url.scheme, host=answer.url.host or "", port=answer.url.port, path=found[0]
        )
        cookies = self._session.cookie_jar.filter_cookies(base)
        return ServerAddress(
            base.host or "",
            base.port or 80,
            base.path,
            "; ".join(f"{name}={morsel.coded_value}" for name, morsel in cookies.items()),
            cookies["_xsrf"].value if "_xsrf" in cookies else "",
        )

    async def has_server(self) -> bool:
        """Whether the Hub has a default server of theirs, ready or on its way."""
        async with self._call("GET", "") as answer:
            return "" in (await answer.json())["servers"]

    async def token(self) -> str:
        """A token of theirs for an hour, for calls past the Hub's pages."""
        async with self._call("POST", "tokens", {"expires_in": 3600}) as answer:
            answer.raise_for_status()
            return str((await answer.json())["token"])

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        url = f"{self.url}/hub/api/users/{self.name}{f'/{path}' if path else ''}"
        return self._session.request(method, url, params={"_xsrf": self._xsrf}, json=body)
