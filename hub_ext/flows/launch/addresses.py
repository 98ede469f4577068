"""The address of a launch, held from before its container is made until the launch has ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hub_ext.adapters.engine import subnet
from hub_ext.adapters.store import launches
from hub_ext.errors import LaunchFailed
from hub_ext.flows.site import Site
from hub_ext.model import Launch, LaunchState
from hub_ext.policy.addresses import next_address

# The gate may send requests to a server that has ended for as long as it cannot read the store.
RESTS = timedelta(minutes=10)
_RECENT = 64


def reserve(site: Site, launch_id: str) -> str:
    """An IPv4 address that no other launch has, written down as the launch's `upstream`, without a port.

    One of a launch that has just ended only where there is no other. Raises LaunchFailed where all are taken,
    and for a launch that was stopped meanwhile.
    """
    network = subnet(site.settings)
    with site.store.transaction() as tx:
        launch = launches.get(tx, launch_id)
        if launch.state is not LaunchState.ADMITTED:
            raise LaunchFailed("It was stopped before it was up.", cause="stopped")
        active = launches.listing(tx, node=launch.node, active=True)
        recent = launches.listing(tx, node=launch.node, limit=_RECENT)
        last = next((address_of(one) for one in recent if one.upstream), "")
        taken = {address_of(one) for one in active if one.id != launch_id}
        resting = {address_of(one) for one in recent if one.ended and site.now() - one.ended < RESTS}
        address = next_address(network, taken | resting, last) or next_address(network, taken, last)
        if address is None:
            raise LaunchFailed(
                "The closed network has no address left.",
                advice="Stop a server, or give c.HubExt.network_subnet more addresses.",
                cause="no-address",
            )
        launches.replace(tx, replace(launch, upstream=address))
    return address


def address_of(launch: Launch) -> str:
    """Its IPv4 address on the closed network, "" while it has none."""
    return launch.upstream.partition(":")[0]
