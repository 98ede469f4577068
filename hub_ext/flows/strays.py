"""Volumes and networks on which store and engine disagree: told, and never removed by themselves."""

from __future__ import annotations

from dataclasses import dataclass

from hub_ext.adapters.engine import LABEL_INSTANCE
from hub_ext.flows import volumes
from hub_ext.flows.site import Site


@dataclass(frozen=True, slots=True)
class Strays:
    """Names: of volumes in no row, of networks beside the closed one, of volumes that the engine has lost."""

    volumes: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.volumes or self.networks or self.missing)


async def find(site: Site) -> Strays:
    """What there is of them now. Raises EngineError."""
    kept = await volumes.kept(site)
    networks = await site.engine.networks({LABEL_INSTANCE: site.settings.instance})
    return Strays(
        volumes=tuple(one.name for one in kept if one.stray),
        networks=tuple(sorted(set(networks) - {site.settings.network_name})),
        missing=tuple(one.name for one in kept if one.missing),
    )
