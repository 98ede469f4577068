"""`hub-ext gpu`: what there is, who holds it, and what operators decide of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from traitlets import Bool, Int, Unicode

from hub_ext.adapters.gpu_inventory import GpuUse
from hub_ext.cli.app import Argument, Command, Noun, UsageError
from hub_ext.flows import gpu, gpu_service
from hub_ext.model import GpuHealth

GPU = Argument("gpu", "Its id or its CDI name; `hub-ext gpu list` tells.")


@dataclass(frozen=True, slots=True)
class Share:
    """A line of `gpu list`: one share of one GPU. `percent` and `mem_used_bytes` are the whole GPU's."""

    gpu: str
    device: str
    model: str
    mem_bytes: int
    mem_used_bytes: int | None
    percent: int | None
    share: str
    health: GpuHealth
    out_since: datetime | None
    out_why: str
    launch: str
    username: str
    project: str
    since: datetime | None
    until: datetime | None
    lost: datetime | None


class List(Command):
    """Every share of every GPU, and the launch that holds it."""

    examples = "hub-ext gpu list --json"

    def run(self) -> None:
        """Read GPUs, leases and their launches in one snapshot, and ask the driver what they do."""
        uses = gpu.use(self.site)
        self.show_table(
            [_line(share, uses.get(share.gpu.id, GpuUse())) for share in gpu.shares(self.site)],
            {
                "GPU": lambda row: row.gpu,
                "DEVICE": lambda row: row.device,
                "MODEL": lambda row: row.model,
                "USE": lambda row: "?" if row.percent is None else f"{row.percent} %",
                "SHARE": lambda row: row.share,
                "STATE": lambda row: _state(row),
                "PERSON": lambda row: row.username,
                "PROJECT": lambda row: row.project,
                "SINCE": lambda row: row.since,
                "UNTIL": lambda row: row.until,
            },
            empty="No GPU is known. `hub-ext gpu refresh` looks again.",
        )


def _line(share: gpu.Share, use: GpuUse) -> Share:
    device, lease, launch = share.gpu, share.lease, share.launch
    return Share(
        gpu=device.id,
        device=device.device,
        model=device.model,
        mem_bytes=device.mem_bytes,
        mem_used_bytes=use.mem_used_bytes,
        percent=use.percent,
        share=f"{share.number}/{device.shares}",
        health=device.health,
        out_since=device.out_since,
        out_why=device.out_why,
        launch=launch.id if launch else "",
        username=launch.username if launch else "",
        project=launch.project if launch else "",
        since=lease.since if lease else None,
        until=share.until,
        lost=lease.lost if lease else None,
    )


def _state(row: Share) -> str:
    if row.health is not GpuHealth.OK:
        return row.health.value
    if row.out_since:
        return "out-of-service"
    return "held" if row.launch else "free"


class Refresh(Command):
    """Look at the machine's GPUs again, by NVML, the settings' list or CDI specs."""

    examples = "hub-ext gpu refresh"

    async def run(self) -> None:
        """Bring the store into agreement with the inventory."""
        changes = await gpu.refresh(self.site, self.actor)
        found, lost = len(changes.found), len(changes.lost)
        self.done(changes, f"{found} found, {lost} lost, {changes.unchanged} unchanged.")


class TakeOut(Command):
    """Take a GPU out of service: no new launch gets it; what runs on it goes on."""

    examples = 'hub-ext gpu take-out nvidia.com/gpu=1 --why "its fan is changed"'
    arguments = (GPU,)
    why = Unicode("", help="Reason, for operators and auditors.").tag(
        option=True, required=True, metavar="TEXT"
    )

    def run(self) -> None:
        """Take it out."""
        out = gpu_service.take_out(self.site, self.actor, self.argument("gpu"), self.why)
        self.done(out, f"{out.device} is out of service: no new launch gets it.")


class PutBack(Command):
    """Put a GPU back into service."""

    examples = "hub-ext gpu put-back nvidia.com/gpu=1"
    arguments = (GPU,)

    def run(self) -> None:
        """Put it back."""
        back = gpu_service.put_back(self.site, self.actor, self.argument("gpu"))
        self.done(back, f"{back.device} is in service.")


class ShareAmong(Command):
    """Say how many launches may share a GPU: 1, or more that trust each other.

    Sharing isolates neither memory nor computing time nor faults: one session can fill the memory, slow the
    others down, or end what they compute.
    """

    examples = """
        hub-ext gpu share nvidia.com/gpu=1 --shares 4
        hub-ext gpu share nvidia.com/gpu=1 --as-site
    """
    arguments = (GPU,)
    shares = Int(0, help="Launches that may hold it together.").tag(option=True, metavar="N")
    as_site = Bool(False, help="As many as c.HubExt.gpu_shares says.").tag(option=True)

    def run(self) -> None:
        """Write it down."""
        if bool(self.shares) == self.as_site:
            raise UsageError("Give --shares N or --as-site.", self.typed)
        shared = gpu_service.share(self.site, self.actor, self.argument("gpu"), self.shares or None)
        self.done(shared, f"{shared.device} has {shared.shares} shares.")


class Gpu(Noun):
    """GPUs of this node, and the launches that hold them."""

    verbs = (
        ("list", List, "every share, and who holds it"),
        ("refresh", Refresh, "look at the machine again"),
        ("limit", "hub_ext.cli.gpu_limits.Limit", "set limits for one person or project"),
        ("limits", "hub_ext.cli.gpu_limits.Limits", "who has limits of their own, and where they stand"),
        ("queue", "hub_ext.cli.gpu_queue.Queue", "who waits in line, in the order of their turns"),
        ("cancel", "hub_ext.cli.gpu_queue.Cancel", "take a request out of the line, with a reason"),
        ("take-out", TakeOut, "give it to no new launch, with a reason"),
        ("put-back", PutBack, "offer it again"),
        ("share", ShareAmong, "how many launches may hold it together"),
    )
    examples = """
        hub-ext gpu list
        hub-ext gpu take-out nvidia.com/gpu=1 --why "its fan is changed"
    """
