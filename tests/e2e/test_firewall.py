"""The real Hub's reconciler puts the firewall's rules back while it runs."""

from __future__ import annotations

import subprocess

from hub_ext.adapters.engine import check_firewall
from hub_ext.adapters.store import audit
from hub_ext.model import AuditEvent, Verb
from tests.support.hub import RunningHub, wait_for

# The Hub of these tests sweeps every 2 s.
BOUND_SECONDS = 20


def restored(hub: RunningHub) -> list[AuditEvent]:
    with hub.site.store.reading() as tx:
        events = audit.listing(tx, verb=Verb.RECONCILE_MENDED, subject=hub.site.settings.network_name)
    return [event for event in events if event.facts["mend"] == "firewall-restored"]


def test_rules_that_somebody_flushed_are_back_after_a_sweep(hub: RunningHub) -> None:
    settings = hub.site.settings
    assert check_firewall(settings) == ()
    before = restored(hub)
    subprocess.run(["iptables", "-w", "-F", f"HUB-EXT-{settings.instance}-FWD"], check=True)
    wait_for(lambda: len(restored(hub)) > len(before), BOUND_SECONDS)
    assert check_firewall(settings) == ()
    (event,) = [event for event in restored(hub) if event not in before]
    assert event.facts["problems"] == [
        f"iptables: the rules of chain HUB-EXT-{settings.instance}-FWD are missing or altered"
    ]
