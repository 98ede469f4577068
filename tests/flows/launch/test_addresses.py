"""The address of a launch that has just ended rests, so that nobody else answers for its server."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub_ext.adapters.store import launches
from hub_ext.flows.launch.addresses import reserve
from hub_ext.flows.site import Site
from hub_ext.model import LaunchState
from tests.flows.conftest import Clock
from tests.gate.small_hub import launch_of, prepare


@pytest.mark.parametrize(("minutes", "address"), [(9, "10.213.0.17"), (11, "10.213.0.16")])
def test_it_rests_however_many_launches_are_newer(
    site: Site, clock: Clock, minutes: int, address: str
) -> None:
    prepare(site.store)
    now = clock()
    old = launch_of("alice", "", "10.213.0.16:8888", state=LaunchState.ENDED, admitted=now, ended=now)
    new = launch_of("bob", "new", "", state=LaunchState.ADMITTED, admitted=now + timedelta(minutes=minutes))
    day_before = now - timedelta(days=1)
    with site.store.transaction() as tx:
        launches.add(tx, old)
        for number in range(100):
            launches.add(
                tx,
                launch_of(
                    *("carol", f"s{number}", "10.213.3.254:8888"),
                    state=LaunchState.ENDED,
                    admitted=now + timedelta(seconds=number),
                    ended=day_before,
                ),
            )
        launches.add(tx, new)
    clock.forward(minutes=minutes)
    assert reserve(site, new.id) == address
