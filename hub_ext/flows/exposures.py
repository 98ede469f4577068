"""Where copies of a dataset may be: the sessions that mounted it, and the volumes that were beside it.

Revoking and withdrawing unlearn nothing: this is whom a steward must ask, and what may be quarantined.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub_ext.adapters.store import exposures, launches, versions, volumes
from hub_ext.flows.data import dataset_named
from hub_ext.flows.site import Site
from hub_ext.model import DatasetVersion, Exposure, Launch, Volume


@dataclass(frozen=True, slots=True)
class ExposedVolume:
    """A home or project folder beside which a version was mounted, and the first time that it was."""

    volume: Volume
    exposure: Exposure


@dataclass(frozen=True, slots=True)
class Exposed:
    """What one version of a dataset was shown to.

    `sessions` are the launches that came to have it, the newest first; not those that never had a container.
    `volumes` may hold what was copied, also where they have ended: an ended one is not yet a removed one.
    """

    version: DatasetVersion
    sessions: tuple[Launch, ...]
    volumes: tuple[ExposedVolume, ...]

    @property
    def running(self) -> tuple[Launch, ...]:
        """The sessions that have it now."""
        return tuple(launch for launch in self.sessions if launch.state.active)


def exposed(site: Site, dataset: str, number: int | None = None, *, most: int = 500) -> tuple[Exposed, ...]:
    """Of each version, or of one: the sessions, `most` at most, and the volumes, all of them.

    Raises InputError where there is no such dataset.
    """
    with site.store.reading() as tx:
        dataset_named(tx, dataset)
        beside = exposures.listing(tx, dataset=dataset)
        held = {known.id: known for known in volumes.listing(tx, ids={one.volume_id for one in beside})}
        return tuple(
            Exposed(
                version,
                tuple(
                    launch for launch in launches.listing(tx, version_id=version.id) if launch.container_id
                )[:most],
                tuple(
                    ExposedVolume(held[one.volume_id], one) for one in beside if one.version_id == version.id
                ),
            )
            for version in versions.listing(tx, dataset=dataset)
            if number is None or version.number == number
        )
