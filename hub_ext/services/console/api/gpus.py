"""GPUs, who holds them and until when; one taken out of service, put back, shared."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import AwareDatetime, Field

from hub_ext.adapters.gpu_inventory import GpuUse
from hub_ext.flows import gpu_service
from hub_ext.flows.gpu import Share as Known
from hub_ext.flows.gpu import shares
from hub_ext.model import Gpu as KnownGpu
from hub_ext.model.duties import Deed
from hub_ext.services.console import live
from hub_ext.services.console.operations import ApiModel, Call, Listed, Operation


class Share(ApiModel):
    """A share of a GPU, and who holds it. `percent` and `mem_used_bytes` are the whole GPU's; null: unknown.

    `out_since` is set while operators keep it out of service; `lost` is when its holder lost it.
    """

    gpu: str
    device: str
    model: str
    mem_bytes: int
    mem_used_bytes: int | None
    percent: int | None
    share: int
    shares: int
    health: str
    out_since: AwareDatetime | None
    out_why: str
    launch_id: str | None
    person_id: str | None
    project: str | None
    since: AwareDatetime | None
    until: AwareDatetime | None
    lost: AwareDatetime | None


class Gpu(ApiModel):
    """A GPU. `own_shares` null: as many as the site's settings say."""

    gpu: str
    device: str
    model: str
    mem_bytes: int
    health: str
    shares: int
    own_shares: int | None
    out_since: AwareDatetime | None
    out_why: str


class Out(ApiModel):
    """Why; operators and auditors read it."""

    why: Annotated[str, Field(max_length=2000)]


class Shares(ApiModel):
    """How many launches may hold it together; null: as many as the site's settings say.

    More than one: neither memory nor time nor faults are isolated between them.
    """

    shares: int | None


async def listing(call: Call) -> Listed[Share]:
    """Every share of every GPU."""
    uses = await live.gpu_use(call.console)
    held = await asyncio.to_thread(shares, call.site)
    return Listed[Share](items=tuple(_share(one, uses.get(one.gpu.id, GpuUse())) for one in held))


def take_out(call: Call) -> Gpu:
    """Out of service."""
    return _gpu(gpu_service.take_out(call.site, call.actor, call.path["id"], call.body.why))


def put_back(call: Call) -> Gpu:
    """Into service."""
    return _gpu(gpu_service.put_back(call.site, call.actor, call.path["id"]))


def share(call: Call) -> Gpu:
    """Shared, or not."""
    return _gpu(gpu_service.share(call.site, call.actor, call.path["id"], call.body.shares))


def _share(known: Known, use: GpuUse) -> Share:
    return Share(
        gpu=known.gpu.id,
        device=known.gpu.device,
        model=known.gpu.model,
        mem_bytes=known.gpu.mem_bytes,
        mem_used_bytes=use.mem_used_bytes,
        percent=use.percent,
        share=known.number,
        shares=known.gpu.shares,
        health=known.gpu.health,
        out_since=known.gpu.out_since,
        out_why=known.gpu.out_why,
        launch_id=known.launch.id if known.launch else None,
        person_id=known.launch.person_id if known.launch else None,
        project=known.launch.project if known.launch else None,
        since=known.lease.since if known.lease else None,
        until=known.until,
        lost=known.lease.lost if known.lease else None,
    )


def _gpu(known: KnownGpu) -> Gpu:
    return Gpu(
        gpu=known.id,
        device=known.device,
        model=known.model,
        mem_bytes=known.mem_bytes,
        health=known.health,
        shares=known.shares,
        own_shares=known.own_shares,
        out_since=known.out_since,
        out_why=known.out_why,
    )


WRITE = Deed.WRITE_GPU
OPERATIONS = (
    Operation(
        "GET",
        "/gpus",
        "GPUs, and who holds them",
        listing,
        deed=Deed.READ_SESSIONS,
        answer=Listed[Share],
    ),
    Operation(
        "POST",
        "/gpus/{id}/take-out",
        "Take a GPU out of service",
        take_out,
        deed=WRITE,
        body=Out,
        answer=Gpu,
    ),
    Operation("POST", "/gpus/{id}/put-back", "Put a GPU back", put_back, deed=WRITE, answer=Gpu),
    Operation("POST", "/gpus/{id}/share", "Share a GPU", share, deed=WRITE, body=Shares, answer=Gpu),
)
