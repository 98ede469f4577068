"""How long ends of rights take: `python -m bench.revocation [--revocations 200] [--lanes 8]`.

Starts a registry, a Hub and its services of their own on this machine's engine, with the settings that a site
has by default, and people whose sessions (stub servers that only answer) lose a right: a grant is revoked, a
membership ended, a person stopped, a home quarantined, in turn. Counts from the store's commit until the
engine has no such container any more, looked at ten times a second. Ends with status 1 where p99 is over the
product's promise.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench.machine import machine
from hub_ext.adapters import demo_accounts
from hub_ext.cli.setup import choices, daemon, settings_file, teardown
from hub_ext.cli.setup import engine as engine_setup
from hub_ext.cli.setup import registry as registry_setup
from hub_ext.cli.setup.instance import Prepared, ensure_network
from hub_ext.cli.setup.layout import Layout
from hub_ext.cli.setup.serving import Serving
from hub_ext.cli.setup.steps import silent
from hub_ext.config import load_settings
from hub_ext.flows.site import Site, open_site
from tests.support import scenario as scenarios
from tests.support import stub_image
from tests.support.hub import PASSWORDS, RunningHub
from tests.support.ports import free_port
from tests.support.revocations import KINDS, Took, lanes, measured
from tests.support.wire import Wire

BOUND_SECONDS = 60.0


def main() -> int:
    """Start, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--revocations", type=int, default=200)
    parser.add_argument("--lanes", type=int, default=8, help="sessions at a time")
    asked = parser.parse_args()
    load = os.getloadavg()
    with ExitStack() as stack:
        hub = stack.enter_context(_running())
        held = lanes(hub, asked.lanes)
        count = [0]

        def tell(took: Took) -> None:
            count[0] += 1
            print(f"{count[0]:4} {took.kind:18} {took.seconds:6.1f} s", file=sys.stderr, flush=True)

        found = asyncio.run(_measure(hub, held, -(-asked.revocations // asked.lanes), tell))
    settings = hub.site.settings
    print(f"date      {datetime.now(UTC):%Y-%m-%d}")
    print(f"machine   {machine()}")
    print(f"load      load average {load[0]:.2f} {load[1]:.2f} {load[2]:.2f} when it began")
    print(f"settings  a look every {settings.revoke_seconds:g} s, {settings.stop_seconds} s to end by itself")
    print(f"sessions  {asked.lanes} at a time\n")
    print(f"{'what ended':18} {'number':>7} {'p50 s':>7} {'p99 s':>7} {'worst':>7}")
    for kind in KINDS:
        _print(kind, [took.seconds for took in found if took.kind == kind])
    worst = _print("all", [took.seconds for took in found])
    print(f"\nlimit     p99 {BOUND_SECONDS:.0f} s: {'held' if worst <= BOUND_SECONDS else 'NOT HELD'}")
    return 0 if worst <= BOUND_SECONDS else 1


async def _measure(hub: RunningHub, held: list, rounds: int, tell: object) -> list[Took]:  # type: ignore[type-arg]
    try:
        return await measured(held, rounds, tell)  # type: ignore[arg-type]
    finally:
        hub.site.engine.close()


def _print(kind: str, seconds: list[float]) -> float:
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    row = (statistics.median(ordered), p99, ordered[-1])
    print(f"{kind:18} {len(ordered):7} " + " ".join(f"{one:7.1f}" for one in row))
    return p99


@contextmanager
def _running() -> Iterator[RunningHub]:
    """A Hub with front, gate, registry and a scenario; all of it stopped and removed at the end."""
    with ExitStack() as stack:
        layout = Layout(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        layout.make()
        docker = stack.enter_context(daemon.in_use())
        with choices.machine_lock("choices"):
            chosen = choices.choose(layout.choices_file, docker.subnets)
        registry = registry_setup.prepare(layout, chosen.registry_address, data=layout.state / "registry")
        traits = settings_file.values(
            layout,
            chosen,
            engine_url=docker.url,
            registries=[registry],
            bind_url=f"http://127.0.0.1:{free_port()}",
        )
        data = layout.state / "datasets"
        data.mkdir()
        traits |= {"dataset_roots": [str(data)], "disk_reserve_bytes": 0}
        settings = load_settings(str(settings_file.write(layout, traits)))
        stack.callback(teardown.remove_objects, settings)
        ensure_network(settings)
        engine_setup.ensure_trust(docker, registry.address, layout.authority)
        stack.callback(engine_setup.remove_trust, docker, registry.address)
        stack.callback(registry_setup.run(layout, registry).stop)
        stubs = stub_image.push(registry, docker.url, docker_config=layout.docker_config)
        stack.callback(stub_image.remove, registry, docker.url, stubs)
        traits["seed_image"] = f"{registry.address}/stub/answer@{stubs['answer']}"
        settings = load_settings(str(settings_file.write(layout, traits)))
        demo_accounts.write(settings.demo_accounts_file, PASSWORDS)
        site = open_site(settings)
        stack.callback(site.store.close)
        made = asyncio.run(_scenario(site, data, stubs))
        site = replace(site)  # its engine's threads belong to the loop that has ended
        made.site = site
        serving = Serving(Prepared(layout, settings, docker), silent)
        stack.callback(serving.stop)
        serving.start()
        wire = Wire(layout.state / "wire.sock", Path(docker.url.removeprefix("unix://")))
        stack.callback(wire.cut)
        yield RunningHub(serving, wire, made)


async def _scenario(site: Site, data: Path, stubs: dict[str, str]) -> scenarios.Scenario:
    repository, _, digest = site.settings.seed_image.partition("@")
    await site.engine.pull(repository, digest)
    return await scenarios.build(site, data, stubs)


if __name__ == "__main__":
    sys.exit(main())
