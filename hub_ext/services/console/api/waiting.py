"""What waits for the caller."""

from __future__ import annotations

from pydantic import AwareDatetime

from hub_ext.flows import waiting as flow
from hub_ext.flows.doctor import kept
from hub_ext.model.duties import Deed
from hub_ext.model.requests import AccessRequest
from hub_ext.services.console.operations import ApiModel, Call, Operation


class WaitingRequest(ApiModel):
    """A request for a dataset."""

    id: str
    dataset: str
    project: str
    created: AwareDatetime


class WaitingMember(ApiModel):
    """Somebody proposed as a member."""

    project: str
    person: str
    created: AwareDatetime


class WaitingGrant(ApiModel):
    """A grant that ends soon."""

    id: str
    dataset: str
    project: str
    ends: AwareDatetime


class WaitingImage(ApiModel):
    """An image whose newest revision is not published, or (`check`) whose last check failed."""

    slug: str
    revision: int
    check: str | None = None


class LostGpu(ApiModel):
    """A session that goes on without the GPU that it leased; one's own, for operators everybody's."""

    session: str
    person: str
    gpu: str
    lost: AwareDatetime | None


class Fault(ApiModel):
    """What the doctor found on the host, in English as `hub-ext doctor` says it."""

    check: str
    health: str
    seen: str
    advice: str


class Waiting(ApiModel):
    """What the caller may act on. `host_seen` is when the host was last looked at, null for never."""

    decisions: tuple[WaitingRequest, ...]
    own: tuple[WaitingRequest, ...]
    confirmations: tuple[WaitingMember, ...]
    endings: tuple[WaitingGrant, ...]
    behind: tuple[WaitingImage, ...]
    failed: tuple[WaitingImage, ...]
    lost_gpus: tuple[LostGpu, ...]
    host: tuple[Fault, ...]
    host_seen: AwareDatetime | None


def waiting(call: Call) -> Waiting:
    """All of it."""
    found = flow.waiting(call.site, call.visitor.duties)
    examined = kept.last(call.site) if call.visitor.may(Deed.STOP_SESSION) is None else kept.Examined()
    return Waiting(
        decisions=tuple(_request(told.request) for told in found.decisions),
        own=tuple(_request(told.request) for told in found.own),
        confirmations=tuple(
            WaitingMember(project=one.project, person=one.person_id, created=one.created)
            for one in found.confirmations
        ),
        endings=tuple(
            WaitingGrant(id=one.grant.id, dataset=one.grant.dataset, project=one.grant.project, ends=one.at)
            for one in found.endings
        ),
        behind=tuple(WaitingImage(slug=one.entry.slug, revision=one.newest) for one in found.behind),
        failed=tuple(WaitingImage(slug=one.entry, revision=one.number, check=one.id) for one in found.failed),
        lost_gpus=tuple(
            LostGpu(session=one.launch.id, person=one.launch.person_id, gpu=one.gpu.id, lost=one.lease.lost)
            for one in found.lost
        ),
        host=tuple(
            Fault(check=str(one.check), health=one.health, seen=str(one.seen), advice=str(one.advice))
            for one in examined.faults
        ),
        host_seen=examined.seen,
    )


def _request(known: AccessRequest) -> WaitingRequest:
    return WaitingRequest(id=known.id, dataset=known.dataset, project=known.project, created=known.created)


OPERATIONS = (Operation("GET", "/waiting", "What waits for me", waiting, answer=Waiting),)
