"""The console's addresses, and what serves them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jupyterhub._data import DATA_FILES_PATH
from jupyterhub.services.auth import HubOAuthCallbackHandler
from tornado import web

from hub_ext.services.console import api, pages
from hub_ext.services.console.api_handler import ApiHandler, NoSuchCall
from hub_ext.services.console.base import SECURITY_HEADERS, Console
from hub_ext.services.console.openapi import document
from hub_ext.services.console.operations import Operation
from hub_ext.services.console.page import NoSuchPage
from hub_ext.services.console.scripts import ScriptHandler

STATIC = Path(__file__).parent / "static"
API = "api/v1"
_PARAMETER = re.compile(r"{(\w+)}")


class _StaticHandler(web.StaticFileHandler):
    def set_default_headers(self) -> None:
        for name, value in SECURITY_HEADERS.items():
            if name != "Cache-Control":
                self.set_header(name, value)


class _DocumentHandler(ApiHandler):
    """The API's own description, to everybody who may come in."""

    async def get(self) -> None:  # type: ignore[override]
        """The OpenAPI document."""
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(document(api.OPERATIONS, self.path_to(API))))


def application(console: Console, cookie_secret: bytes) -> web.Application:
    """Serves the console below `console.prefix`."""
    hub_static = Path(DATA_FILES_PATH) / "static"
    shared = {"console": console}
    over_tls = console.site.settings.public_url.startswith("https://")
    routes: list[Any] = [
        (r"oauth_callback", HubOAuthCallbackHandler),
        (r"static/hub/(.*)", _StaticHandler, {"path": str(hub_static)}),
        (r"static/console\.js", ScriptHandler, {"htmx_file": console.site.settings.htmx_file}),
        (r"static/(.*)", _StaticHandler, {"path": str(STATIC)}),
        (rf"{API}/openapi\.json", _DocumentHandler, {**shared, "operations": {}}),
        *((path, ApiHandler, {**shared, "operations": held}) for path, held in _by_path(api.OPERATIONS)),
        (rf"{API}/.*", NoSuchCall, shared),
        *((path, handler, shared) for path, handler in pages.ROUTES),
    ]
    return web.Application(
        [(re.escape(console.prefix) + path, *rest) for path, *rest in routes],
        cookie_secret=cookie_secret,
        xsrf_cookie_kwargs={"secure": True} if over_tls else {},
        default_handler_class=NoSuchPage,
        default_handler_args=shared,
        log_function=_say_nothing,
        # A notice, once; sign-ins have cookies of the Hub's making.
        login_url=console.auth.login_url,
    )


def kept_cookie_secret(path: Path) -> bytes:
    """The secret of the console's cookies, made at first use; mode 600."""
    with contextlib.suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
    return path.read_bytes()


def _by_path(operations: Iterable[Operation]) -> Iterable[tuple[str, dict[str, Operation]]]:
    paths: dict[str, dict[str, Operation]] = {}
    for each in operations:
        held = paths.setdefault(_PARAMETER.sub(r"(?P<\1>[^/]+)", each.path.replace(".", r"\.")), {})
        assert each.method not in held, f"{each.method} {each.path} stands twice"
        held[each.method] = each
    return ((f"{API}{path}", held) for path, held in paths.items())


def _say_nothing(handler: web.RequestHandler) -> None:
    """No line per request: addresses name people, and the record says what matters."""
