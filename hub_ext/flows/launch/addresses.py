"""The address of a launch, held from before its container is made until the launch has ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hub_ext.adapters.engine import subnet
from hub_ext.adapters.store import launches
from hub_ext.errors import LaunchFailed
from hub_ext.flows.site import Site
from hub_ext.model import LaunchState
from hub_ext.policy.addresses import next_address

# The gate may send requests to a server that has ended for as long as it cannot read the store.
RESTS = timedelta(minutes=10)
# Among so many is one that has an address; the others still wait for theirs.
_NEWEST = 64


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
        newest = launches.listing(tx, node=launch.node, limit=_NEWEST)
        ended = launches.ended_upstreams(tx, node=launch.node, since=site.now() - RESTS)
        last = next((_address(each.upstream) for each in newest if each.upstream), "")
        taken = {_address(each.upstream) for each in active if each.id != launch_id}
        resting = set(map(_address, ended))
        address = next_address(network, taken | resting, last) or next_address(network, taken, last)
        if address is None:
            raise LaunchFailed(
                "The closed network has no address left.",
                advice="Stop a server, or give c.HubExt.network_subnet more addresses.",
                cause="no-address",
            )
        launches.replace(tx, replace(launch, upstream=address))
    return address


def _address(upstream: str) -> str:
    """The IPv4 address of an upstream, "" where there is none."""
    return upstream.partition(":")[0]
