"""What a launch is, for whoever works in its server: read from the store, and written for its container."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from hub_ext.adapters import session_files
from hub_ext.adapters.store import Tx, datasets, images, launches, projects, versions, volumes
from hub_ext.expression.docker import DATA, HOME, PROJECT
from hub_ext.expression.session_facts import facts_json
from hub_ext.flows.launch import facts as launch_facts
from hub_ext.flows.site import Site
from hub_ext.model import Launch, Localised, VolumeKind
from hub_ext.model.session_facts import EndAhead, KeptFolder, SessionDataset, SessionFacts
from hub_ext.policy.launch import coverage

FOLDERS = {VolumeKind.HOME: HOME, VolumeKind.PROJECT: PROJECT}


def read_facts(tx: Tx, site: Site, launch: Launch) -> SessionFacts:
    """The facts of that launch as they stand in this transaction."""
    project = projects.find(tx, launch.project)
    image = images.find(tx, launch.image)
    size = next((size for size in site.settings.sizes if size.slug == launch.size), None)
    return SessionFacts(
        launch_id=launch.id,
        server_name=launch.server_name,
        project=launch.project,
        project_title=project.title if project else _slug(launch.project),
        environment=launch.image,
        environment_title=image.title if image else _slug(launch.image),
        revision=launch.revision,
        digest=launch.digest,
        datasets=_datasets(tx, launch),
        size=launch.size,
        size_title=size.title if size else _slug(launch.size),
        cpus=launch.cpus,
        mem_bytes=launch.mem_bytes,
        gpus=launch.gpus,
        started=launch.started or launch.admitted,
        end=end_of_rights(tx, launch, site.now()),
        idle_seconds=launch.idle_seconds,
        busy_ceiling_seconds=site.settings.busy_ceiling_seconds,
        kept=tuple(
            KeptFolder(volume.kind, FOLDERS[volume.kind], volume.allowed_bytes, volume.used_bytes)
            for volume in sorted(volumes.listing(tx, ids=launch.volume_ids), key=lambda each: each.kind)
        ),
    )


def end_of_rights(tx: Tx, launch: Launch, now: datetime) -> EndAhead | None:
    """When the rights of the launch end, now where they have ended already; None where they never do."""
    facts = launch_facts.live(tx, launch, now)
    covered = coverage(launch, facts)
    if covered.reasons:
        return EndAhead(now, covered.reasons)
    if covered.expires_at is None:
        return None
    return EndAhead(covered.expires_at, coverage(launch, replace(facts, now=covered.expires_at)).reasons)


def write_file(site: Site, launch_id: str) -> str:
    """Write the facts as they stand for the launch's container; the folder on the host that holds them.

    Raises SessionFileError.
    """
    with site.store.reading() as tx:
        facts = read_facts(tx, site, launches.get(tx, launch_id))
    return str(session_files.write(site.settings, launch_id, facts_json(facts)))


def _datasets(tx: Tx, launch: Launch) -> tuple[SessionDataset, ...]:
    mounted = versions.listing(tx, ids=launch.version_ids) if launch.version_ids else ()
    if not mounted:
        return ()
    titles = {
        dataset.slug: dataset.title
        for dataset in datasets.listing(tx, slugs={version.dataset for version in mounted})
    }
    return tuple(
        SessionDataset(
            version.dataset,
            titles.get(version.dataset, _slug(version.dataset)),
            version.number,
            f"{DATA}/{version.dataset}",
        )
        for version in sorted(mounted, key=lambda each: each.dataset)
    )


def _slug(slug: str) -> Localised:
    """In place of the title of what the store does not have any more."""
    return Localised(slug, slug)
