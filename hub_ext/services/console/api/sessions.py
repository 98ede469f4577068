"""Sessions under way, one stopped with a reason."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from hub_ext.errors import NotFound
from hub_ext.flows.sessions import Session as Known
from hub_ext.model.duties import Deed
from hub_ext.services.console import live
from hub_ext.services.console.operations import ApiModel, Call, Listed, Operation


class HeldGpu(ApiModel):
    """A GPU that a session holds a share of. What is used is the whole device's; null is not known."""

    gpu: str
    device: str
    model: str
    mem_bytes: int
    mem_used_bytes: int | None
    percent: int | None
    lost: AwareDatetime | None


class Session(ApiModel):
    """A session; null is what is not known. `idle_seconds` since a person last used it, or since its start.

    `warned_for` and `stops_at`: why and when it is stopped, unless something happens in it.
    `ends` is the end of which its owner was warned, `ends_for` the codes of what ends it.
    """

    id: str
    person_id: str
    username: str
    server_name: str
    project: str
    image: str
    revision: int
    digest: str
    datasets: tuple[str, ...]
    state: str
    since: AwareDatetime
    until: AwareDatetime | None
    idle_seconds: int
    busy: bool
    warned_for: str | None
    stops_at: AwareDatetime | None
    cores: float | None
    cores_allowed: float
    mem_bytes: int | None
    mem_allowed: int
    gpus: tuple[HeldGpu, ...]
    ends: AwareDatetime | None
    ends_for: tuple[str, ...]


class Stop(ApiModel):
    """Why; the owner reads it."""

    why: Annotated[str, Field(max_length=2000)]


class Stopping(ApiModel):
    """`told`: the Hub was told at once; else it follows."""

    told: bool


async def listing(call: Call) -> Listed[Session]:
    """All sessions, the oldest first."""
    running = await live.running(call.console)
    return Listed[Session](items=tuple(_shown(session) for session in running))


async def one(call: Call) -> Session:
    """One session."""
    running = await live.running(call.console)
    found = [session for session in running if session.launch.id == call.path["id"]]
    if not found:
        raise NotFound("There is no such session, or it has ended.")
    return _shown(found[0])


async def stop(call: Call) -> Stopping:
    """Stops one."""
    return Stopping(told=await live.stop(call.console, call.actor, call.path["id"], call.body.why))


def _shown(known: Known) -> Session:
    launch = known.launch
    return Session(
        id=launch.id,
        person_id=launch.person_id,
        username=launch.username,
        server_name=launch.server_name,
        project=launch.project,
        image=launch.image,
        revision=launch.revision,
        digest=launch.digest,
        datasets=known.datasets,
        state=launch.state,
        since=launch.started or launch.admitted,
        until=launch.expires_at,
        idle_seconds=int(known.idle.total_seconds()),
        busy=known.busy,
        warned_for=known.warning.reason if known.warning else None,
        stops_at=known.warning.at if known.warning else None,
        cores=known.use.cores,
        cores_allowed=launch.cpus,
        mem_bytes=known.use.mem_bytes,
        mem_allowed=launch.mem_bytes,
        gpus=tuple(
            HeldGpu(
                gpu=held.gpu.id,
                device=held.gpu.device,
                model=held.gpu.model,
                mem_bytes=held.gpu.mem_bytes,
                mem_used_bytes=held.use.mem_used_bytes,
                percent=held.use.percent,
                lost=held.lease.lost,
            )
            for held in known.gpus
        ),
        ends=known.ahead.at if known.ahead else None,
        ends_for=tuple(reason.code for reason in known.ahead.reasons) if known.ahead else (),
    )


READ = Deed.READ_SESSIONS
OPERATIONS = (
    Operation("GET", "/sessions", "Sessions under way", listing, deed=READ, answer=Listed[Session]),
    Operation("GET", "/sessions/{id}", "One session", one, deed=READ, answer=Session),
    Operation(
        "POST",
        "/sessions/{id}/stop",
        "Stop a session",
        stop,
        deed=Deed.STOP_SESSION,
        body=Stop,
        answer=Stopping,
        status=202,
    ),
)
