"""What waits for somebody, by what they may do."""

from __future__ import annotations

from dataclasses import dataclass

from hub_ext.adapters.store import gpus, image_checks, images, launches, leases, revisions
from hub_ext.flows import grant_ends, proposals, queue, requests
from hub_ext.flows.grant_ends import Ending
from hub_ext.flows.requests import Told
from hub_ext.flows.site import Site
from hub_ext.model import Gpu, ImageEntry, ImageState, Launch, Lease
from hub_ext.model.duties import Deed
from hub_ext.model.image_checks import ImageCheck
from hub_ext.model.proposals import MemberProposal
from hub_ext.policy.duties import Duties, may
from hub_ext.policy.queue import Place


@dataclass(frozen=True, slots=True)
class Behind:
    """An entry whose newest revision is not the one that starts."""

    entry: ImageEntry
    newest: int


@dataclass(frozen=True, slots=True)
class LostLease:
    """A session that goes on without the GPU that it leased."""

    lease: Lease
    gpu: Gpu
    launch: Launch


@dataclass(frozen=True, slots=True)
class Waiting:
    """`decisions` and `confirmations` are of others; `own` are one's own requests that are not closed.

    `lost` are one's own sessions, and for operators everybody's; `places` one's own in the line for GPUs.
    `failed` are the last checks of revisions that start, or are the newest.
    """

    decisions: tuple[Told, ...] = ()
    own: tuple[Told, ...] = ()
    confirmations: tuple[MemberProposal, ...] = ()
    endings: tuple[Ending, ...] = ()
    behind: tuple[Behind, ...] = ()
    failed: tuple[ImageCheck, ...] = ()
    lost: tuple[LostLease, ...] = ()
    places: tuple[Place, ...] = ()


def waiting(site: Site, duties: Duties) -> Waiting:
    """What somebody with these duties could act on now."""
    asked = requests.listing(site, states=requests.WAITING)
    return Waiting(
        decisions=tuple(told for told in asked if _decides(duties, told)),
        own=tuple(told for told in asked if told.request.person_id == duties.person_id),
        confirmations=tuple(known for known in proposals.waiting(site) if _confirms(duties, known)),
        endings=tuple(
            ending
            for ending in grant_ends.ending_soon(site)
            if may(duties, Deed.WRITE_GRANT, dataset=ending.grant.dataset) is None
        ),
        behind=_behind(site) if may(duties, Deed.WRITE_IMAGES) is None else (),
        failed=_failed(site) if may(duties, Deed.WRITE_IMAGES) is None else (),
        lost=_lost(site, duties),
        places=queue.own(site, duties.person_id).places,
    )


def _decides(duties: Duties, told: Told) -> bool:
    about = {"dataset": told.request.dataset, "requested_by": told.request.person_id}
    return may(duties, Deed.DECIDE_REQUEST, **about) is None


def _confirms(duties: Duties, known: MemberProposal) -> bool:
    if duties.person_id == known.person_id:
        return False
    about = {"project": known.project, "requested_by": known.proposed_by}
    return may(duties, Deed.CONFIRM_MEMBER, **about) is None


def _behind(site: Site) -> tuple[Behind, ...]:
    with site.store.reading() as tx:
        entries = images.listing(tx, states=(ImageState.PUBLISHED, ImageState.DEPRECATED))
        newest = {known.entry: known.number for known in revisions.listing(tx)}
    return tuple(
        Behind(entry, newest[entry.slug]) for entry in entries if newest.get(entry.slug, 0) > entry.revision
    )


def _lost(site: Site, duties: Duties) -> tuple[LostLease, ...]:
    everybody_s = may(duties, Deed.WRITE_GPU) is None
    with site.store.reading() as tx:
        held = [lease for lease in leases.active(tx) if lease.lost]
        found = [
            LostLease(lease, gpus.get(tx, lease.gpu_id), launches.get(tx, lease.launch_id)) for lease in held
        ]
    return tuple(one for one in found if everybody_s or one.launch.person_id == duties.person_id)


def _failed(site: Site) -> tuple[ImageCheck, ...]:
    with site.store.reading() as tx:
        told = image_checks.verdicts(tx)
        used = {entry.slug: entry for entry in images.listing(tx) if entry.state is not ImageState.RETIRED}
        newest = {known.entry: known.number for known in revisions.listing(tx)}
    return tuple(
        check
        for check in told
        if check.outcome.against_image
        and check.entry in used
        and check.number in (used[check.entry].revision, newest.get(check.entry))
    )
