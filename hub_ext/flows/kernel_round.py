"""One round of questions to all running Jupyter servers: what do your kernels do?

Bounded in connections and time. Servers of other interfaces have no kernels, and are not asked.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from hub_ext.adapters import launch_secrets, notebook_server
from hub_ext.adapters.launch_secrets import LaunchSecretsError
from hub_ext.adapters.store import busy_since, launches
from hub_ext.expression.interfaces import request_path
from hub_ext.flows.site import Site
from hub_ext.model import Launch
from hub_ext.model.interfaces import InterfaceKind
from hub_ext.model.server_activity import NoActivity, ServerActivity
from hub_ext.policy import idle

log = logging.getLogger("culler")

Activity = ServerActivity | NoActivity


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many servers are asked at once, and how long one of them, and the whole round, may take."""

    at_once: int = 50
    server_seconds: float = notebook_server.SERVER_SECONDS
    round_seconds: float = 30.0


async def ask(site: Site, running: Sequence[Launch], bounds: Bounds = Bounds()) -> dict[str, Activity]:
    """What each launch's server says, by launch id; unknown is whoever was not reached in time."""
    jupyter = [launch for launch in running if launch.interface.kind is InterfaceKind.JUPYTER]
    activities: dict[str, Activity] = {launch.id: NoActivity.NO_KERNELS for launch in running}
    activities |= {launch.id: NoActivity.UNKNOWN for launch in jupyter}
    tokens = await asyncio.to_thread(_tokens, site, [launch.id for launch in jupyter])
    reachable = [launch for launch in jupyter if launch.upstream and launch.id in tokens]
    # Where many hang, it is not always the same servers that are not reached.
    random.shuffle(reachable)
    slots = asyncio.Semaphore(bounds.at_once)
    async with notebook_server.session(bounds.at_once) as client:

        async def ask_one(launch: Launch) -> None:
            prefix = notebook_server.base_path(launch.username, launch.server_name)
            path = request_path(launch.interface, prefix, prefix)
            async with slots:
                try:
                    activities[launch.id] = await notebook_server.activity(
                        client, launch.upstream, path, tokens[launch.id], seconds=bounds.server_seconds
                    )
                except Exception:
                    # What one server answers must not end the round for all.
                    log.exception("The server of %s could not be asked", launch.id)

        with suppress(TimeoutError):
            async with asyncio.timeout(bounds.round_seconds), asyncio.TaskGroup() as group:
                for launch in reachable:
                    group.create_task(ask_one(launch))
    return activities


def _tokens(site: Site, launch_ids: Iterable[str]) -> dict[str, str]:
    """The secret of each launch's server; those without one are left out."""
    tokens = {}
    for launch_id in launch_ids:
        try:
            secrets = launch_secrets.read(site.settings, launch_id)
        except LaunchSecretsError as error:
            log.error("%s", error)
            continue
        if secrets is not None:
            tokens[launch_id] = secrets.token
    return tokens


def busy_starts(
    site: Site, running: Sequence[Launch], activities: Mapping[str, Activity], now: datetime
) -> dict[str, datetime]:
    """Since when each launch has been busy at every round, kept in the store; the others are left out.

    A round without an answer neither begins nor ends a busy time.
    """
    with site.store.reading() as tx:
        before = busy_since.starts(tx)
        active = {launch.id for launch in launches.listing(tx, active=True)} if before else set()
    # Those that this round did not ask, such as another node's, stay as they are.
    starts = {launch_id: since for launch_id, since in before.items() if launch_id in active}
    for launch in running:
        activity = activities[launch.id]
        if activity is NoActivity.UNKNOWN:
            continue
        since = idle.busy_start(activity, before.get(launch.id), launch.started or launch.admitted, now)
        if since is not None:
            starts[launch.id] = since
        else:
            starts.pop(launch.id, None)
    if starts != before:
        with site.store.transaction() as tx:
            busy_since.replace_all(tx, starts)
    return starts
