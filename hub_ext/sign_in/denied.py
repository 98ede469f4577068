"""What runs of somebody to whom the sign-in provider said no is ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hub_ext.adapters.store import launches
from hub_ext.flows.launch.end import announce
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ActorKind, StopReason

SIGN_IN = Actor(ActorKind.SERVICE, "sign-in")


def denied_hook(site: Callable[[], Site]) -> Callable[..., Awaitable[None]]:
    """For `denied_hook` of our authenticators: stops a user's servers, the reason written first.

    One that is just starting or stopping is left: the next refresh of the person comes here again.
    """

    async def end(user: Any, handler: Any) -> None:
        for name, spawner in list(user.spawners.items()):
            if not spawner.active or spawner.pending:
                continue
            try:
                await asyncio.to_thread(_announce, site(), getattr(spawner, "launch_id", ""))
                await handler.stop_single_user(user, name)
            except Exception:  # whatever it is, the person's other servers end
                handler.log.exception("A server of %s could not be ended yet", user.name)

    return end


def _announce(site: Site, launch_id: str) -> None:
    with site.store.transaction() as tx:
        launch = launches.find(tx, launch_id)
        if launch is not None and launch.state.active:
            announce(tx, site, launch, StopReason.RIGHT_ENDED, SIGN_IN)
