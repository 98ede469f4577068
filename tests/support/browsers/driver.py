"""What a test may do with a browser: profiles, pages, scripts in them, cookies."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.support.patience import patient

PAGE_SECONDS = 60.0


class PageError(Exception):
    """A page could not be opened, or a script in it failed or was ended by a navigation."""


@dataclass(frozen=True)
class Cookie:
    """A cookie of a profile. `domain` begins with a dot where names below it get the cookie too."""

    name: str
    value: str
    domain: str
    path: str = "/"


class Page(ABC):
    """A tab."""

    @abstractmethod
    def open(self, address: str) -> None:
        """Navigate, and return once the page has loaded. Raises PageError."""

    @abstractmethod
    def activate(self) -> None:
        """Bring it to the front, as a click on its tab does: a page that is hidden asks for little."""

    @abstractmethod
    def _evaluate(self, function: str) -> str:
        """The text that this async function's text returns, as if the page called it. Raises PageError."""

    def run(self, script: str, **values: Any) -> Any:
        """The JSON value that this body of an async function returns, with `values` as its variables.

        A click's rights go with it: it may open windows. Raises PageError.
        """
        names = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in values.items())
        result = f"await (async () => {{ {names} {script} }})()"
        return json.loads(self._evaluate(f"async () => JSON.stringify({result}) ?? 'null'"))

    def wait(self, script: str, seconds: float = PAGE_SECONDS, **values: Any) -> Any:
        """The first value of the script that is true, over navigations too. Raises AssertionError."""
        end, found = time.monotonic() + patient(seconds), None
        while not found:
            assert time.monotonic() < end, f"not within {seconds} s at {self.address()}: {script}"
            with suppress(PageError):
                found = self.run(script, **values)
            time.sleep(0 if found else 0.1)
        return found

    def address(self) -> str:
        """Where the page is now; "" while it is on its way."""
        with suppress(PageError):
            return str(self.run("return location.href"))
        return ""

    def text(self) -> str:
        """What a reader sees."""
        return str(self.run("return document.body ? document.body.innerText : ''"))


class Profile(ABC):
    """Somebody's browser: cookies and storage of its own."""

    @abstractmethod
    def page(self) -> Page:
        """A new tab."""

    @abstractmethod
    def cookies(self) -> list[Cookie]:
        """All its cookies, those that no script sees too."""

    @abstractmethod
    def add_cookie(self, cookie: Cookie) -> None:
        """Puts it there, as whoever has the machine could."""

    @abstractmethod
    def close(self) -> None:
        """Ends its tabs and forgets it."""


class Browser(ABC):
    """A browser that runs. `name` is "chromium" or "firefox"."""

    name: str

    @abstractmethod
    def profile(self) -> Profile:
        """A fresh profile, in English."""

    @abstractmethod
    def close(self) -> None:
        """Ends it."""
