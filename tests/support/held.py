"""What store and engine hold in a scenario, and containers made behind the store's back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hub_ext.adapters.store import audit, gpus, launches, leases
from hub_ext.flows import reconcile
from hub_ext.flows.launch.end import container_name
from hub_ext.flows.site import Site
from hub_ext.model import Gpu, Launch, LaunchPlan, Lease, Verb
from tests.support.scenario import Scenario

GPU = "local/hub-ext.test/gpu=0"


@dataclass
class Held:
    """A scenario and what its store holds."""

    scenario: Scenario
    site: Site

    def launch(self, plan: LaunchPlan) -> Launch:
        with self.site.store.reading() as tx:
            return launches.get(tx, plan.launch_id)

    def lease(self, launch_id: str) -> None:
        """Gives the launch a GPU, as if it had asked for one."""
        with self.site.store.transaction() as tx:
            if gpus.find(tx, GPU) is None:
                gpus.add(tx, Gpu(GPU, "local", "hub-ext.test/gpu=0", "test", 0, self.site.now()))
            leases.add(tx, Lease(f"lea-{launch_id}", GPU, 0, launch_id, self.site.now()))

    @property
    def leases(self) -> tuple[str, ...]:
        """Launches that hold a GPU."""
        with self.site.store.reading() as tx:
            return tuple(lease.launch_id for lease in leases.active(tx))

    @property
    def mends(self) -> list[tuple[str, object]]:
        """What the audit trail says was mended, the chain proven whole."""
        with self.site.store.reading() as tx:
            assert audit.verify(tx).ok
            events = audit.listing(tx, verb=Verb.RECONCILE_MENDED)
        assert all(event.actor == reconcile.RECONCILER for event in events)
        return [(event.subject, event.facts["mend"]) for event in events]

    async def running(self) -> LaunchPlan:
        """A launch whose stub answers, with a GPU leased."""
        plan = await self.scenario.admitted()
        await self.scenario.start(plan)
        self.lease(plan.launch_id)
        return plan

    async def created(self, launch_id: str, *, start: bool = False) -> str:
        """A container with our labels for that launch, made behind the store's back; its name."""
        name = container_name(self.site, launch_id)
        labels = {"io.hub-ext.instance": self.site.settings.instance, "io.hub-ext.launch": launch_id}
        body = {
            "Image": self.site.settings.seed_image,
            "Cmd": ["/opt/hub-ext/start"],
            "Env": ["STUB=hang"],
            "Labels": labels,
            "HostConfig": {"NetworkMode": "none"},
        }
        await self.site.engine.create(name, body)
        if start:
            await self.site.engine.start(name)
        return name

    async def agreed(self) -> bool:
        """Whether another sweep finds nothing to mend, and writes nothing."""
        before = self.mends
        return await reconcile.sweep(self.site) == () and self.mends == before

    async def exited(self, name: str) -> None:
        """Returns once that container runs no more."""
        for _ in range(100):
            inspected = await self.site.engine.inspect(name)
            assert inspected is not None
            if inspected["State"]["Status"] == "exited":
                return
            await asyncio.sleep(0.05)
        raise AssertionError("it still runs")
