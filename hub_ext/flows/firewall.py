"""Puts the firewall's rules back where something took them out or got before them, and records it.

Others write to the same tables: `nft flush ruleset` empties them, and an engine that starts for the first
time puts its own rules on top. On an engine of ours nothing else keeps notebooks from each other.
"""

from __future__ import annotations

import asyncio

from hub_ext.adapters.engine import check_firewall, ensure_firewall, has_bridge
from hub_ext.errors import NetworkError
from hub_ext.flows.launch.threads import in_store
from hub_ext.flows.reconcile import RECONCILER, Mend
from hub_ext.flows.site import Site
from hub_ext.model import Actor, Verb
from hub_ext.phrase import Phrase


async def mend(site: Site, *, actor: Actor = RECONCILER, dry_run: bool = False) -> tuple[Phrase, ...]:
    """What was wrong with the rules and no longer is, or with `dry_run` what would be mended.

    Each mend is one event. Nothing is done where the closed network's bridge is not there. Raises
    NetworkError, once whatever could be mended is recorded, where the rules cannot be read or something is
    still wrong.
    """
    if not has_bridge(site.settings):
        return ()
    problems = await asyncio.to_thread(check_firewall, site.settings)
    if not problems or dry_run:
        return problems
    failure: NetworkError | None = None
    try:
        await asyncio.to_thread(ensure_firewall, site.settings)
    except NetworkError as error:  # one family may be mended already
        failure = error
    left = await asyncio.to_thread(check_firewall, site.settings)
    mended = tuple(problem for problem in problems if problem not in left)
    if mended:
        await in_store(lambda: _write_down(site, actor, mended))
    if failure is not None:
        raise failure
    if left:
        raise NetworkError("The firewall could not be mended: {problems}.", problems=left)
    return mended


def _write_down(site: Site, actor: Actor, mended: tuple[Phrase, ...]) -> None:
    facts = {"mend": Mend.FIREWALL_RESTORED.value, "problems": [str(problem) for problem in mended]}
    with site.store.transaction() as tx:
        site.record(tx, actor, Verb.RECONCILE_MENDED, site.settings.network_name, facts)
