"""The Hub asks the provider by itself about people whose servers run and who send no requests.

Elsewhere the Hub asks only when somebody, or their server, asks it for something.
"""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

from jupyterhub.handlers.base import BaseHandler
from tornado.httputil import HTTPServerRequest

WATCH_SECONDS = 60.0
AT_ONCE = 8


async def watch(app: Any, authenticator: Any, seconds: float) -> None:
    """Asks about everybody who is due, every `seconds`, for as long as the Hub runs."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await ask_about_all(app, authenticator)
        except Exception:
            authenticator.log.exception("The sign-in provider could not be asked about all who have servers")


async def ask_about_all(app: Any, authenticator: Any) -> None:
    """One round. Whoever was asked about within `auth_refresh_age` seconds is left out."""
    free = asyncio.Semaphore(AT_ONCE)

    async def ask(user: Any) -> None:
        async with free:
            try:
                await _ask(app, authenticator, user)
            except Exception:
                authenticator.log.exception("The sign-in provider could not be asked about %s", user.name)

    await asyncio.gather(*(ask(user) for user in list(app.users.values()) if _due(user, authenticator)))


def _due(user: Any, authenticator: Any) -> bool:
    asked = user._auth_refreshed
    return any(spawner.active for spawner in user.spawners.values()) and (
        not asked or time.monotonic() - asked >= authenticator.auth_refresh_age
    )


async def _ask(app: Any, authenticator: Any, user: Any) -> None:
    """As BaseHandler.refresh_auth, which serves requests of the user only."""
    handler = _handler(app)
    answer = await authenticator.refresh_user(user, handler)
    if not answer:
        return
    user._auth_refreshed = time.monotonic()
    if answer is not True:
        await handler.auth_to_user(answer | {"name": user.name}, user)


def _handler(app: Any) -> BaseHandler:
    """The Hub's own way to stop a server and to keep an answer, which is a method of its handlers."""
    nobody: Any = SimpleNamespace(set_close_callback=lambda _: None)
    request = HTTPServerRequest("POST", f"{app.hub.base_url}watch", connection=nobody)
    return BaseHandler(app.tornado_application, request)
