"""The volumes of a launch: made and seeded once in their life, exposed for ever after."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from hub_ext.adapters.store import exposures, launches, volumes
from hub_ext.errors import EngineError, ImageUnavailable
from hub_ext.flows.launch.threads import in_store
from hub_ext.flows.site import Site
from hub_ext.model import Exposure, Launch, LaunchPlan, Volume, VolumeKind

# Nobody but the person in a home; the project's group, and no others, in its folder (new files inherit it).
HOME_MODE = 0o700
PROJECT_MODE = 0o2770


async def ensure(site: Site, plan: LaunchPlan) -> dict[VolumeKind, Volume]:
    """The launch's home and project folder, there and seeded.

    Raises EngineError for a volume that was seeded once and is no longer on the engine: an empty one in its
    place would look as if the person's work had never been.
    """
    known = await in_store(lambda: _of_launch(site, plan.launch_id))
    for volume in known:
        if volume.seeded is not None:
            if not await site.engine.has_volume(volume.name):
                raise EngineError(
                    "The volume {name} ({kind}) is not on the engine any more.",
                    advice="Restore it from a backup, or end it with its project.",
                    cause="volume-gone",
                    name=volume.name,
                    kind=volume.kind,
                )
            continue
        await ensure_seed(site)
        await site.engine.ensure_volume(volume.name)
        if volume.kind is VolumeKind.HOME:
            await site.engine.seed_volume(volume.name, uid=plan.uid, gid=plan.gid, mode=HOME_MODE)
        else:
            await site.engine.seed_volume(volume.name, uid=0, gid=plan.gid, mode=PROJECT_MODE)
        await in_store(partial(_mark_seeded, site, volume.id))
    return {volume.kind: volume for volume in known}


async def ensure_seed(site: Site) -> None:
    """The image that volumes are seeded from, on the engine. At once where it is there."""
    repository, _, digest = site.settings.seed_image.partition("@")
    if not digest:
        raise ImageUnavailable(
            "c.HubExt.seed_image names no image by digest.",
            advice="`hub-ext setup` writes it: repository@digest of the base image.",
        )
    await site.engine.pull(repository, digest)


async def expose(site: Site, plan: LaunchPlan, container_id: str) -> Launch:
    """Writes down which versions are about to be mounted beside which volumes, and by which container.

    Before the start, never after: a copy may be made in the first second. The launch as it then stands.
    """

    def write() -> Launch:
        now = site.now()
        with site.store.transaction() as tx:
            launch = replace(launches.get(tx, plan.launch_id), container_id=container_id)
            launches.replace(tx, launch)
            for volume_id in launch.volume_ids:
                for mount in plan.data:
                    exposure = Exposure(volume_id, mount.version_id, mount.slug, now, plan.launch_id)
                    exposures.add(tx, exposure)
            return launch

    return await in_store(write)


def _of_launch(site: Site, launch_id: str) -> tuple[Volume, ...]:
    with site.store.reading() as tx:
        return volumes.listing(tx, ids=launches.get(tx, launch_id).volume_ids)


def _mark_seeded(site: Site, volume_id: str) -> None:
    with site.store.transaction() as tx:
        volume = volumes.get(tx, volume_id)
        if volume.seeded is None:
            volumes.replace(tx, replace(volume, seeded=site.now()))
