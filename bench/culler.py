"""What the culler costs: `python -m bench.culler [--servers 1000]`.

Fills a store in SQLite with that many running servers of 400 persons in 60 projects, each with a control
group of its own in a made-up tree, a secret of its own and eight with a GPU. Another process answers as the
Hub does, in pages of users with their servers, and as every notebook server, each at a path of its own: two
kernels, one of them busy in every third server, and a terminal. Then the real culler sweeps; its CPU time
over the time between two sweeps is its share of one core. Ends with status 1 above the limit.
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
from statistics import median
from typing import Any

from aiohttp import web

from bench.machine import machine
from hub_ext.adapters import launch_secrets
from hub_ext.adapters.container_cpu import ContainerCpu
from hub_ext.adapters.hub_api import PAGE
from hub_ext.adapters.launch_secrets import LaunchSecrets
from hub_ext.adapters.notebook_server import base_path
from hub_ext.adapters.store import (
    approvals,
    busy_since,
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

LIMIT_SHARE = 0.1
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
        running = fill(site, servers)
        grow(tree, running)
        with answering(running) as port:
            connect(site, running, port)
            cpu_seconds, wall_seconds = asyncio.run(swept(site, tree, f"http://127.0.0.1:{port}/hub/api"))
        with site.store.reading() as tx:
            busy = len(busy_since.starts(tx))
        site.close()
    every = site.settings.cull_seconds
    share = median(cpu_seconds) / every
    print(f"date      {datetime.now(UTC):%Y-%m-%d}")
    print(f"machine   {machine()}")
    print(f"servers   {servers}, {len(cpu_seconds)} sweeps, one every {every} s")
    print(f"answers   {busy} servers were found busy, of {busy_servers(servers)}")
    for name, seconds in (("CPU", cpu_seconds), ("wall", wall_seconds)):
        print(f"{name:10}{median(seconds):.2f} s a sweep (median; {min(seconds):.2f} to {max(seconds):.2f})")
    print(f"share     {share:.2%} of a core")
    held = share <= LIMIT_SHARE and busy == busy_servers(servers)
    print(f"limit     {LIMIT_SHARE:.0%}: {'held' if held else 'NOT HELD'}")
    return 0 if held else 1


def busy_servers(servers: int) -> int:
    """How many of so many servers say that a kernel is busy."""
    return len(range(0, servers, 3))


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


def connect(site: Site, running: list[Launch], port: int) -> None:
    """Give each server an address, and a secret that opens it."""
    with site.store.transaction() as tx:
        for launch in running:
            launches.replace(tx, replace(launch, upstream=f"127.0.0.1:{port}"))
    for launch in running:
        launch_secrets.write(site.settings, launch.id, LaunchSecrets(_secret(launch.id), "", "", (), ""))


def _secret(launch_id: str) -> str:
    return f"{launch_id}-{'x' * 32}"


def grow(tree: Path, running: list[Launch]) -> None:
    """A control group for each."""
    (tree / "docker").mkdir(parents=True)
    (tree / "cgroup.controllers").write_text("cpu memory\n")
    for launch in running:
        group = tree / "docker" / launch.container_id
        group.mkdir()
        (group / "cpu.stat").write_text("usage_usec 1000000\nuser_usec 900000\nsystem_usec 100000\n")
        (group / "memory.current").write_text(f"{512 * 1024**2}\n")
        (group / "memory.stat").write_text("anon 400000000\nfile 100000000\ninactive_file 5000000\n")


async def swept(site: Site, tree: Path, url: str) -> tuple[list[float], list[float]]:
    """CPU and wall time of each sweep, seconds; the first one, which learns, is left out."""
    os.environ["JUPYTERHUB_API_TOKEN"] = "none"  # noqa: S105 - nobody asks for one here
    culler = CuratedIdleCuller(url=url)
    culler._watch = cull.CpuWatch(ContainerCpu(tree))
    cpu_seconds, wall_seconds = [], []
    for _ in range(SWEEPS + 1):
        cpu, wall = time.process_time(), time.monotonic()
        await culler.sweep(site)
        cpu_seconds.append(time.process_time() - cpu)
        wall_seconds.append(time.monotonic() - wall)
    return cpu_seconds[1:], wall_seconds[1:]


@contextmanager
def answering(running: list[Launch]) -> Iterator[int]:
    """A process that answers as the Hub and as all servers; its port."""
    ours, theirs = multiprocessing.Pipe()
    places = [(launch.id, launch.username, launch.server_name) for launch in running]
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, places), daemon=True)
    process.start()
    yield ours.recv()
    process.terminate()
    process.join()


def serve(started: Any, places: list[tuple[str, str, str]]) -> None:
    """Answers the culler's questions until it is ended."""
    users: dict[str, dict[str, Any]] = {}
    servers: dict[str, tuple[str, bool]] = {}
    for number, (launch_id, username, server) in enumerate(places):
        user = users.setdefault(username, {"name": username, "kind": "user", "admin": False, "servers": {}})
        user["servers"][server] = _server(launch_id, username, server)
        servers[base_path(username, server)] = (f"token {_secret(launch_id)}", number % 3 == 0)
    listed = list(users.values())

    async def page(request: web.Request) -> web.Response:
        begin = int(request.query.get("offset", 0))
        following = None
        if begin + PAGE < len(listed):
            following = {"url": str(request.url.update_query(offset=begin + PAGE))}
        return web.json_response({"items": listed[begin : begin + PAGE], "_pagination": {"next": following}})

    async def activity(request: web.Request) -> web.Response:
        base, _, question = request.path.rpartition("api/")
        token, busy = servers[base]
        if request.headers.get("Authorization") != token:
            return web.Response(status=403)
        return web.json_response(_kernels(busy) if question == "kernels" else [_terminal()])

    async def run() -> None:
        app = web.Application()
        app.add_routes([web.get("/hub/api/users", page), web.get("/user/{path:.*}", activity)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        started.send(runner.addresses[0][1])
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


def _kernels(busy: bool) -> list[dict[str, Any]]:
    kernel = {
        **{"id": "0" * 36, "name": "python3", "last_activity": _now(), "execution_state": "idle"},
        **{"connections": 1},
    }
    return [kernel, {**kernel, "execution_state": "busy" if busy else "idle"}]


def _terminal() -> dict[str, Any]:
    return {"name": "1", "last_activity": _now()}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


if __name__ == "__main__":
    sys.exit(main())
