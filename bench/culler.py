"""What the culler costs: `python -m bench.culler [--servers 1000]`.

Fills a store in SQLite with that many running servers of 400 persons in 60 projects, each with a control
group of its own in a made-up tree and eight with a GPU, and lets another process answer as the Hub does:
pages of users with their servers, and all reports of kernels in one answer. Then the real culler sweeps; its
CPU time over the time between two sweeps is its share of one core. Ends with status 1 above the limit.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from bench.machine import machine
from hub_ext.adapters.container_cpu import ContainerCpu
from hub_ext.adapters.hub_api import PAGE
from hub_ext.adapters.store import (
    approvals,
    gpus,
    images,
    launches,
    leases,
    memberships,
    persons,
    projects,
    revisions,
)
from hub_ext.flows import cull
from hub_ext.flows.site import Site, open_site
from hub_ext.model import (
    Approval,
    Gpu,
    ImageEntry,
    ImageRevision,
    ImageState,
    Launch,
    LaunchState,
    Lease,
    Localised,
    MemberRole,
    Membership,
    Person,
    Project,
)
from hub_ext.services.culler import CuratedIdleCuller
from hub_ext.settings import Settings

LIMIT_SHARE = 0.05
SWEEPS = 10
PEOPLE, PROJECTS, GPUS = 400, 60, 8
TITLE = Localised("a title", "un titre")


def main() -> int:
    """Fill, sweep, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=1000)
    servers: int = parser.parse_args().servers
    with tempfile.TemporaryDirectory() as folder:
        state, tree = Path(folder) / "state", Path(folder) / "cgroup"
        state.mkdir()
        site = open_site(Settings(state_dir=state))
        known = fill(site, servers)
        grow(tree, known)
        with hub(known) as url:
            taken = asyncio.run(swept(site, tree, url))
        site.close()
    every = site.settings.cull_seconds
    taken.sort()
    share = taken[len(taken) // 2] / every
    print(f"date      {datetime.now(UTC):%Y-%m-%d}")
    print(f"machine   {machine()}")
    print(f"servers   {servers}, {len(taken)} sweeps, one every {every} s")
    print(f"CPU       {taken[len(taken) // 2]:.2f} s a sweep (median; {taken[0]:.2f} to {taken[-1]:.2f})")
    print(f"share     {share:.2%} of a core")
    print(f"limit     {LIMIT_SHARE:.0%}: {'held' if share <= LIMIT_SHARE else 'NOT HELD'}")
    return 0 if share <= LIMIT_SHARE else 1


def fill(site: Site, servers: int) -> list[Launch]:
    """That many running servers, begun three hours ago."""
    now = site.now()
    before = now - timedelta(hours=3)
    with site.store.transaction() as tx:
        for number in range(PEOPLE):
            name = f"person-{number}"
            persons.add(tx, Person(f"per-{number}", "demo", name, name, name, 20_000 + number, before))
        for number in range(PROJECTS):
            slug, until = f"project-{number}", now + timedelta(days=300)
            projects.add(tx, Project(slug, TITLE, 60_000 + number, before))
            approvals.add(
                tx, Approval(f"apr-{number}", slug, "EC", "CHU", "care", "9(2)j", before, until, before)
            )
        for number in range(servers):
            place = (f"mem-{number}", f"per-{number % PEOPLE}", f"project-{number % PROJECTS}")
            memberships.add(tx, Membership(*place, MemberRole.MEMBER, before, before))
        entry = ImageEntry(
            "python", TITLE, TITLE, "local", "nb/python", "1", before, ImageState.PUBLISHED, revision=1
        )
        images.add(tx, entry)
        revisions.add(tx, ImageRevision("python", 1, "sha256:" + "0" * 64, before, "per-0", before))
        made = [_launch(site, number, before) for number in range(servers)]
        for number, launch in enumerate(made):
            launches.add(tx, launch)
            if number < GPUS:
                gpus.add(tx, Gpu(f"gpu-{number}", site.settings.node, f"x/gpu={number}", "X", 0, before))
                leases.add(tx, Lease(f"lea-{number}", f"gpu-{number}", 0, launch.id, before))
    return made


def _launch(site: Site, number: int, when: datetime) -> Launch:
    person, name = f"per-{number % PEOPLE}", f"person-{number % PEOPLE}"
    launch = Launch(
        *(f"lau-{number}", "server", person, name, f"s{number // PEOPLE}"),
        *(f"project-{number % PROJECTS}", site.settings.node, "python", 1, "sha256:" + "0" * 64, (), ()),
        *("m", int(number < GPUS), 2**32, 2.0, 7200, LaunchState.RUNNING, when),
    )
    return replace(launch, container_id=f"{number:064x}", started=when)


def grow(tree: Path, known: list[Launch]) -> None:
    """A control group for each."""
    (tree / "docker").mkdir(parents=True)
    (tree / "cgroup.controllers").write_text("cpu memory\n")
    for launch in known:
        group = tree / "docker" / launch.container_id
        group.mkdir()
        (group / "cpu.stat").write_text("usage_usec 1000000\nuser_usec 900000\nsystem_usec 100000\n")
        (group / "memory.current").write_text(f"{512 * 1024**2}\n")
        (group / "memory.stat").write_text("anon 400000000\nfile 100000000\ninactive_file 5000000\n")


async def swept(site: Site, tree: Path, url: str) -> list[float]:
    """The CPU time of each sweep, seconds; the first one, which learns, is left out."""
    os.environ["JUPYTERHUB_API_TOKEN"] = "none"  # noqa: S105 - nobody asks for one here
    culler = CuratedIdleCuller(url=url)
    culler._watch = cull.CpuWatch(ContainerCpu(tree))
    taken = []
    for _ in range(SWEEPS + 1):
        begun = time.process_time()
        await culler.sweep(site)
        taken.append(time.process_time() - begun)
    return taken[1:]


@contextmanager
def hub(known: list[Launch]) -> Iterator[str]:
    """A process that answers as the Hub; its address."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(theirs, [(one.id, one.username, one.server_name) for one in known]), daemon=True
    )
    process.start()
    yield f"http://127.0.0.1:{ours.recv()}/hub/api"
    process.terminate()
    process.join()


def serve(told: Any, known: list[tuple[str, str, str]]) -> None:
    """Answers /users and /hub-ext/kernels until it is ended."""
    users: dict[str, dict[str, Any]] = {}
    for launch_id, username, server in known:
        user = users.setdefault(username, {"name": username, "kind": "user", "admin": False, "servers": {}})
        user["servers"][server] = _server(launch_id, username, server)
    listed = list(users.values())

    async def page(request: web.Request) -> web.Response:
        begin = int(request.query.get("offset", 0))
        following = None
        if begin + PAGE < len(listed):
            following = {"url": str(request.url.update_query(offset=begin + PAGE))}
        return web.json_response({"items": listed[begin : begin + PAGE], "_pagination": {"next": following}})

    async def kernels(request: web.Request) -> web.Response:
        return web.json_response({launch_id: _report() for launch_id, _, _ in known})

    async def run() -> None:
        app = web.Application()
        app.add_routes([web.get("/hub/api/users", page), web.get("/hub/api/hub-ext/kernels", kernels)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        told.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


def _server(launch_id: str, username: str, server: str) -> dict[str, Any]:
    """As the Hub shows one, in size too."""
    now = datetime.now(UTC).isoformat()
    path = f"/user/{username}/{server}/"
    return {
        **{"name": server, "display_name": "", "full_name": f"{username}/{server}", "ready": True},
        **{"pending": None, "stopped": False, "url": path, "full_url": None, "full_progress_url": None},
        **{"started": now, "last_activity": now, "state": {"launch_id": launch_id}},
        **{"user_options": {"project": "onco", "environment": "python", "datasets": [], "size": "m"}},
        **{"progress_url": f"/hub/api/users/{username}/servers/{server}/progress"},
    }


def _report() -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    kernel = {"id": "0" * 36, "state": "idle", "busy_since": None, "last_activity": now}
    return {"kernels": [kernel, kernel], "terminals": 1, "last_activity": now, "reported": now}


if __name__ == "__main__":
    sys.exit(main())
