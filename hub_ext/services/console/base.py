"""What every page and every call of the API begins with: who asks, and in which language."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import IO, Any, ParamSpec, TypeVar
from urllib.parse import unquote

from jupyterhub.services.auth import HubOAuth, HubOAuthenticated
from tornado import web

from hub_ext.expression.languages import LANGUAGE_COOKIE, language_of
from hub_ext.flows.chain import ChainWatch
from hub_ext.flows.site import Site
from hub_ext.services.console.checking import Checking
from hub_ext.services.console.live import LiveWatch
from hub_ext.services.console.visitor import Visitor, visitor_of
from hub_ext.services.console.words import Translate, translator

P = ParamSpec("P")
R = TypeVar("R")

CHUNK = 256 * 1024  # characters of a file
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Console:
    """What handlers share. `prefix` begins and ends with a slash."""

    site: Site
    auth: HubOAuth
    prefix: str
    chain: ChainWatch = field(default_factory=ChainWatch)
    live: LiveWatch = field(default_factory=LiveWatch)
    checking: Checking = field(default_factory=Checking)


class ConsoleHandler(HubOAuthenticated, web.RequestHandler):
    """Knows the visitor before a method runs. Subclasses say what happens to who is not known."""

    def initialize(self, console: Console) -> None:
        """Called by tornado with the route's arguments."""
        self.console = console
        self.hub_auth = console.auth
        self.visitor: Visitor | None = None

    @property
    def site(self) -> Site:
        """The site that the console looks after."""
        return self.console.site

    def set_default_headers(self) -> None:
        """On every answer, errors included."""
        for name, value in SECURITY_HEADERS.items():
            self.set_header(name, value)

    async def prepare(self) -> None:
        """Finds out who asks, with the Hub's answer of the last seconds."""
        self._check_xsrf()
        hub_user = await self.hub_auth.get_user(self, sync=False)
        if hub_user and self.hub_auth.check_scopes(self.hub_auth.access_scopes, hub_user):
            self.visitor = await self.in_thread(visitor_of, self.site, hub_user)
            if self.visitor is None:
                self.stranger()
        elif hub_user:
            self.stranger()
        else:
            self.not_signed_in()

    def _check_xsrf(self) -> None:
        # Tornado would check before it is known whether a token, which no other page can send, came along.
        if self.request.method not in ("GET", "HEAD", "OPTIONS") and not self.hub_auth.get_token(
            self, in_cookie=False
        ):
            self.check_xsrf_cookie()

    def not_signed_in(self) -> None:
        """Nobody is signed in."""
        raise NotImplementedError

    def stranger(self) -> None:
        """Somebody is signed in at the Hub who is not known here, or may not come in."""
        raise NotImplementedError

    @property
    def known(self) -> Visitor:
        """The visitor, once `prepare` has let them in."""
        assert self.visitor is not None
        return self.visitor

    @cached_property
    def language(self) -> str:
        """Chosen here, else preferred by the browser, else the person's own."""
        chosen = self.get_cookie(LANGUAGE_COOKIE)
        otherwise = self.visitor.person.language if self.visitor else "en"
        accepted = self.request.headers.get("Accept-Language", "")
        return language_of(unquote(chosen) if chosen else None, accepted, otherwise)

    @cached_property
    def _(self) -> Translate:
        return translator(self.language)

    async def in_thread(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """A flow that waits for the store, off the event loop."""
        return await asyncio.to_thread(work, *args, **kwargs)

    async def send_file(self, file: IO[str], media: str, name: str) -> None:
        """Answers with a file from its beginning, a part in memory at a time."""
        self.set_header("Content-Type", f"{media}; charset=utf-8")
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        file.seek(0)
        while chunk := await self.in_thread(file.read, CHUNK):
            self.write(chunk)
            await self.flush()
        self.finish()

    def path_to(self, path: str) -> str:
        """The address of a page of the console, such as "images/python"."""
        return f"{self.console.prefix}{path}"

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """As tornado; an expected answer is no error."""
        if not isinstance(error, web.HTTPError) or error.status_code >= 500:
            super().log_exception(kind, error, trace)
