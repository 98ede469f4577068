"""What a running server is and what its person has to be told of it, for every page that shows it."""

from __future__ import annotations

from dataclasses import dataclass

from hub_ext.adapters.store import Tx, launches, leases
from hub_ext.flows import blocks, idle_warnings, revocation
from hub_ext.flows.launch.session import read_facts
from hub_ext.flows.site import Site
from hub_ext.model import Launch, LaunchState
from hub_ext.model.session_facts import EndAhead, SessionFacts, SessionWarnings


@dataclass(frozen=True, slots=True)
class Session:
    """A launch that holds something, and what stands about it."""

    facts: SessionFacts
    warnings: SessionWarnings


def read(site: Site, launch_id: str) -> Session | None:
    """The session of that launch; None once it has ended. Raises StoreError: unknown is not ended."""
    with site.store.reading() as tx:
        launch = launches.find(tx, launch_id)
        if launch is None or not launch.state.active:
            return None
        facts = read_facts(tx, site, launch)
        # What is being stopped is warned of no more.
        end = None if launch.state is LaunchState.STOPPING else revocation.if_near(facts.end, site.now())
        return Session(facts, _warnings(tx, site, launch, end))


def read_warnings(tx: Tx, site: Site, launch: Launch) -> SessionWarnings:
    """What stands about that launch in this transaction."""
    return _warnings(tx, site, launch, revocation.end_ahead(tx, launch, site.now()))


def _warnings(tx: Tx, site: Site, launch: Launch, end: EndAhead | None) -> SessionWarnings:
    lost = [lease.lost for lease in leases.active(tx, launch_id=launch.id) if lease.lost]
    return SessionWarnings(
        stop=idle_warnings.ahead(tx, site, launch),
        end=end,
        gpu_lost=min(lost, default=None),
        blocks=blocks.notices_for(tx, site, launch.person_id),
    )
