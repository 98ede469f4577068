"""The facts of a launch: what blocks is looked at before the transaction, all else is read in it.

The rights of a launch that runs are read here too, so that both are judged by the same rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from hub_ext.adapters import files
from hub_ext.adapters.store import (
    Tx,
    acceptances,
    approvals,
    blocks,
    datasets,
    exposures,
    gpus,
    grants,
    group_words,
    images,
    launches,
    leases,
    memberships,
    persons,
    projects,
    quarantines,
    revisions,
    terms,
    unsafe_images,
    versions,
    volumes,
)
from hub_ext.flows import disk, queue
from hub_ext.flows.gpu_limits import standing
from hub_ext.flows.launch.threads import in_folders, in_store
from hub_ext.flows.site import Site
from hub_ext.model import (
    Approval,
    Dataset,
    DatasetFacts,
    DiskFacts,
    Facts,
    Launch,
    LaunchRequest,
    Quarantine,
    VersionState,
    Volume,
)
from hub_ext.model.gpu_limits import GpuStanding, LimitKind
from hub_ext.model.queue import Line
from hub_ext.policy import rights
from hub_ext.policy.launch import LiveFacts

FOLDER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen outside the store. `present` is by version id; a version that is not in it is unknown."""

    present: Mapping[str, bool | None]
    disk: DiskFacts


async def look(site: Site, slugs: Collection[str]) -> Looked:
    """Are the folders of these datasets there, and is there room? Bounded in time; raises nothing."""

    def folders() -> dict[str, Path]:
        with site.store.reading() as tx:
            return {
                version.id: Path(version.folder)
                for version in versions.listing(tx, datasets=slugs)
                if version.state is not VersionState.WITHDRAWN and version.node == site.settings.node
            }

    known = await in_store(folders) if slugs else {}

    def present() -> dict[str, bool | None]:
        roots = site.settings.dataset_roots
        return {version: files.present(folder, roots) for version, folder in known.items()}

    seen = await in_folders(present, FOLDER_SECONDS) if known else {}
    return Looked(seen or {}, await disk.facts(site))


def read(
    tx: Tx, site: Site, request: LaunchRequest, *, groups: frozenset[str] | None, looked: Looked
) -> Facts:
    """Everything that `decide` may look at, as the store has it in this transaction."""
    now = site.now()
    node = site.settings.node
    image = images.find(tx, request.environment)
    home = volumes.find_home(tx, node, request.project, request.person_id)
    folder = volumes.find_project(tx, node, request.project)
    own_approvals = approvals.listing(tx, project=request.project)
    return Facts(
        now=now,
        person=persons.find(tx, request.person_id),
        project=projects.find(tx, request.project),
        memberships=memberships.listing(tx, person_id=request.person_id, project=request.project),
        approvals=own_approvals,
        image=image,
        revision=revisions.find(tx, image.slug, image.revision) if image else None,
        datasets=tuple(
            dataset(
                tx,
                slug,
                request.project,
                request.person_id,
                approvals=own_approvals,
                looked=looked,
                now=now,
            )
            for slug in request.datasets
        ),
        home=home,
        project_folder=folder,
        exposed=exposed(tx, home, folder),
        gpus=gpus.listing(tx, node=node),
        leases=leases.active(tx, node=node),
        active_launches=launches.listing(tx, person_id=request.person_id, active=True),
        sizes=site.settings.sizes,
        site_ceilings=site.settings.ceilings,
        disk=looked.disk,
        gpu_standings=_standings(tx, site, request) if request.gpus > 0 else (),
        groups=groups,
        node=node,
        blocks=blocks.standing(tx, now),
        quarantines=quarantined(tx, home, folder),
        unsafe_image=unsafe_images.find(tx, request.environment),
        line=queue.line(tx, site) if request.gpus > 0 else Line(),
        one_project_at_a_time=site.settings.one_project_at_a_time,
    )


def _standings(tx: Tx, site: Site, request: LaunchRequest) -> tuple[GpuStanding, ...]:
    holders = ((LimitKind.PERSON, request.person_id), (LimitKind.PROJECT, request.project))
    return tuple(standing(tx, site, kind, whose) for kind, whose in holders)


def quarantined(tx: Tx, *mounted: Volume | None) -> tuple[Quarantine, ...]:
    """The quarantines of these volumes that stand."""
    ids = [volume.id for volume in mounted if volume is not None and volume.quarantined_why]
    return quarantines.standing(tx, ids) if ids else ()


def exposed(tx: Tx, *mounted: Volume | None) -> tuple[Dataset, ...]:
    """Every dataset of which a version was ever mounted beside one of these volumes, or is about to be."""
    held = [volume for volume in mounted if volume is not None]
    if not held:
        return ()
    ids = {volume.id for volume in held}
    slugs = {known.dataset for known in exposures.listing(tx, volume_ids=ids)}
    # An admitted launch writes its exposures only when its container is there: until then it counts as well,
    # or two starts at once would bring together what may not meet.
    coming = {
        version
        for project in {volume.project for volume in held}
        for launch in launches.listing(tx, project=project, active=True)
        if ids.intersection(launch.volume_ids)
        for version in launch.version_ids
    }
    slugs |= {version.dataset for version in versions.listing(tx, ids=coming)} if coming else set()
    return datasets.listing(tx, slugs=slugs) if slugs else ()


def dataset(
    tx: Tx,
    slug: str,
    project: str,
    person_id: str,
    *,
    approvals: tuple[Approval, ...],
    looked: Looked,
    now: datetime,
) -> DatasetFacts:
    """A dataset, its versions, its grants to the project, its terms, and whether its folder is there."""
    known = _dataset(tx, slug, project)
    right = rights.granted(known, project=project, person_id=person_id, approvals=approvals, now=now)
    if not isinstance(right, rights.Granted):
        return known  # refused anyway; its folder is nobody's business
    agreed = acceptances.listing(tx, person_id=person_id, dataset=slug)
    return replace(
        known,
        folder_present=looked.present.get(right.version.id),
        terms=terms.current(tx, slug),
        accepted=tuple(one.number for one in agreed),
    )


def live(tx: Tx, launch: Launch, now: datetime) -> LiveFacts:
    """The rights that a running launch rests on, as they stand in this transaction."""
    mounted = versions.listing(tx, ids=launch.version_ids) if launch.version_ids else ()
    held = volumes.listing(tx, ids=launch.volume_ids)
    words = group_words.listing(tx, person_id=launch.person_id)
    return LiveFacts(
        now=now,
        person=persons.find(tx, launch.person_id),
        project=projects.find(tx, launch.project),
        memberships=memberships.listing(tx, person_id=launch.person_id, project=launch.project),
        approvals=approvals.listing(tx, project=launch.project),
        datasets=tuple(
            _dataset(tx, slug, launch.project) for slug in sorted({version.dataset for version in mounted})
        ),
        left=frozenset(word.group for word in words if not word.held),
        volumes=held,
        quarantines=quarantined(tx, *held),
        blocks=blocks.standing(tx, now),
        unsafe_image=unsafe_images.find(tx, launch.image),
        lease_until=rights.earliest(lease.until for lease in leases.active(tx, launch_id=launch.id)),
    )


def _dataset(tx: Tx, slug: str, project: str) -> DatasetFacts:
    """A dataset with all its versions and all its grants to the project; its folder is not looked at."""
    return DatasetFacts(
        slug,
        dataset=datasets.find(tx, slug),
        versions=versions.listing(tx, dataset=slug),
        grants=grants.listing(tx, project=project, dataset=slug),
    )
