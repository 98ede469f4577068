"""Somebody who reaches the Hub and, as the front would hand their requests over, the gate."""

from __future__ import annotations

import http.client
import re
import socket
from dataclasses import dataclass, field, replace
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests

HOST = "127.0.0.1:8000"
HUB_NAME = "localhost:8000"
NAVIGATION = {
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Accept": "text/html",
}
FORM = "application/x-www-form-urlencoded"
FETCH = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}


@dataclass(frozen=True)
class Answer:
    """An answer of the gate."""

    status: int
    headers: http.client.HTTPMessage
    body: str

    @property
    def location(self) -> str:
        """Where it sends the browser."""
        return str(self.headers["Location"])


class _GateConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("gate", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass
class Front:
    """Hands requests to the gate as nginx does."""

    socket_path: Path
    scheme: str = "http"
    host: str = HOST

    def headers(self, method: str, uri: str, more: dict[str, str]) -> dict[str, str]:
        """The client's headers and the front's four."""
        return {
            **more,
            "X-Original-URI": uri,
            "X-Original-Method": method,
            "X-Forwarded-Proto": self.scheme,
            "X-Forwarded-Host": self.host,
        }

    def ask(self, path: str, method: str, headers: dict[str, str], body: str | None = None) -> Answer:
        """One request on a connection of its own."""
        connection = _GateConnection(self.socket_path)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def check(self, uri: str, method: str = "GET", headers: dict[str, str] | None = None) -> Answer:
        """`/check` alone."""
        return self.ask("/check", "GET", self.headers(method, uri, headers or {}))

    def request(
        self, uri: str, method: str = "GET", headers: dict[str, str] | None = None, body: str | None = None
    ) -> Answer:
        """`/check`, and `/answer` where that says no: what the client sees. 204 means that it passed."""
        checked = self.check(uri, method, headers)
        if checked.status == 204:
            return checked
        assert checked.status == 401, checked
        return self.ask("/answer", method, self.headers(method, uri, headers or {}), body)


@dataclass
class Browser:
    """A browser with its cookies: those of the Hub, and those that the gate set, by path and name."""

    front: Front
    hub_port: int
    hub: requests.Session = field(default_factory=requests.Session)
    jar: dict[tuple[str, str], str] = field(default_factory=dict)
    jars: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)

    def go_to(self, host: str) -> None:
        """The next requests go to that name, with the cookies of that name alone."""
        self.jars[self.front.host] = self.jar
        self.front, self.jar = replace(self.front, host=host), self.jars.get(host, {})

    def sign_in(self, username: str) -> Browser:
        """At the Hub, by its form."""
        self.hub.trust_env = False
        page = self.hub.get(self.hub_address("/hub/login"), timeout=20)
        xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
        assert xsrf
        answer = self.hub.post(
            self.hub_address("/hub/login?next=/hub/token"),
            data={"username": username, "password": "x", "_xsrf": xsrf[1]},
            timeout=20,
        )
        assert answer.status_code == 200
        assert "/login" not in answer.url
        return self

    def sign_out(self) -> None:
        """At the Hub."""
        answer = self.hub.get(self.hub_address("/hub/logout"), timeout=20)
        assert answer.status_code == 200

    def hub_address(self, path: str) -> str:
        """Where the front would find the Hub."""
        return f"http://127.0.0.1:{self.hub_port}{path}"

    def cookies_for(self, uri: str) -> str:
        """The Cookie header for that address."""
        path = uri.partition("?")[0]
        pairs = [
            (key, value) for key, value in self.jar.items() if path.startswith(key[0]) or path + "/" == key[0]
        ]
        pairs.sort(key=lambda pair: -len(pair[0][0]))
        return "; ".join(f"{name}={value}" for (_, name), value in pairs)

    def keep(self, answer: Answer) -> None:
        """The cookies that the answer sets."""
        for line in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                assert morsel["httponly"]
                assert morsel["samesite"] == "Lax"
                self.jar[morsel["path"], name] = morsel.value
                if not morsel.value:
                    del self.jar[morsel["path"], name]

    def get(self, uri: str, **more: str) -> Answer:
        """One request for a page, as if its address were typed."""
        return self.request(uri, "GET", NAVIGATION | more)

    def fetch(self, uri: str, method: str = "GET", **more: str) -> Answer:
        """One request as a page of ours makes it."""
        return self.request(uri, method, FETCH | more)

    def send(self, uri: str, fields: dict[str, str], **more: str) -> Answer:
        """A form of a page of ours, as a browser sends it."""
        headers = NAVIGATION | {"Sec-Fetch-Site": "same-origin", "Content-Type": FORM} | more
        return self.request(uri, "POST", headers, urlencode(fields))

    def request(self, uri: str, method: str, headers: dict[str, str], body: str | None = None) -> Answer:
        """One request with the cookies of the browser."""
        cookies = self.cookies_for(uri)
        answer = self.front.request(uri, method, headers | ({"Cookie": cookies} if cookies else {}), body)
        self.keep(answer)
        return answer

    def open(self, uri: str) -> Answer:
        """The page, followed through the Hub's OAuth."""
        for _ in range(8):
            if "://" in uri:
                host, _, path = uri.partition("://")[2].partition("/")
                uri = f"/{path}"
                if not uri.startswith("/hub/"):
                    self.go_to(host)
            answer = self.get(uri)
            if answer.status != 302:
                return answer
            uri = answer.location
            if uri.startswith(f"http://{HUB_NAME}/hub/"):
                self.go_to(HUB_NAME)
                uri = uri.removeprefix(f"http://{HUB_NAME}")
            while uri.startswith("/hub/"):
                at_hub = self.hub.get(self.hub_address(uri), allow_redirects=False, timeout=20)
                if at_hub.status_code != 302:
                    return Answer(at_hub.status_code, http.client.HTTPMessage(), at_hub.text)
                uri = at_hub.headers["Location"]
        raise AssertionError(f"redirected for ever: {uri}")


def server_api(hub_port: int, token: str, method: str, path: str, body: Any = None) -> requests.Response:
    """A call of the Hub's API with a token."""
    return requests.request(
        method,
        f"http://127.0.0.1:{hub_port}/hub/api{path}",
        headers={"Authorization": f"token {token}"},
        json=body,
        timeout=30,
    )
