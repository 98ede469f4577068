"""`hub-ext gpu`: what there is, and who holds it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub_ext.adapters.store import gpus, launches, leases
from hub_ext.cli.app import Command, Noun
from hub_ext.flows import gpu
from hub_ext.model import GpuHealth


@dataclass(frozen=True, slots=True)
class Share:
    """A line of `gpu list`: one share of one GPU."""

    gpu: str
    device: str
    model: str
    mem_bytes: int
    share: str
    health: GpuHealth
    launch: str
    project: str
    since: datetime | None
    until: datetime | None


class List(Command):
    """Every share of every GPU, and the launch that holds it."""

    examples = "hub-ext gpu list --json"

    def run(self) -> None:
        """Read GPUs, leases and their launches in one snapshot."""
        with self.site.store.reading() as tx:
            known = [found for found in gpus.listing(tx, node=self.settings.node) if found.ended is None]
            held = {
                (lease.gpu_id, lease.share): lease for lease in leases.active(tx, node=self.settings.node)
            }
            projects = {lease.launch_id: launches.find(tx, lease.launch_id) for lease in held.values()}
        rows = []
        for found in known:
            for share in range(found.shares):
                lease = held.get((found.id, share))
                launch = projects.get(lease.launch_id) if lease else None
                rows.append(
                    Share(
                        found.id,
                        found.device,
                        found.model,
                        found.mem_bytes,
                        f"{share + 1}/{found.shares}",
                        found.health,
                        lease.launch_id if lease else "",
                        launch.project if launch else "",
                        lease.since if lease else None,
                        lease.until if lease else None,
                    )
                )
        self.show_table(
            rows,
            {
                "GPU": lambda row: row.gpu,
                "DEVICE": lambda row: row.device,
                "MODEL": lambda row: row.model,
                "SHARE": lambda row: row.share,
                "HEALTH": lambda row: row.health,
                "LAUNCH": lambda row: row.launch,
                "PROJECT": lambda row: row.project,
                "SINCE": lambda row: row.since,
            },
            empty="No GPU is known. `hub-ext gpu refresh` looks again.",
        )


class Refresh(Command):
    """Look at the machine's GPUs again, by NVML or CDI specs."""

    examples = "hub-ext gpu refresh"

    async def run(self) -> None:
        """Bring the store into agreement with the inventory."""
        changes = await gpu.refresh(self.site, self.actor)
        self.done(
            {"found": changes.found, "lost": changes.lost},
            f"{len(changes.found)} found, {len(changes.lost)} lost, {changes.unchanged} unchanged.",
        )


class Gpu(Noun):
    """GPUs of this node, and the launches that hold them."""

    verbs = (
        ("list", List, "every share, and who holds it"),
        ("refresh", Refresh, "look at the machine again"),
        ("limit", "hub_ext.cli.gpu_limits.Limit", "set limits for one person or project"),
        ("limits", "hub_ext.cli.gpu_limits.Limits", "who has limits of their own, and where they stand"),
    )
    examples = "hub-ext gpu list"
