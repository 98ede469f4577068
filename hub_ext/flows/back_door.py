"""What root on the host does to our containers beside us, written down as the engine tells it.

Nothing of ours enters a notebook's container, reads from it or writes into it: volumes are seeded by
containers that never start. The limits of this are in docs/security.md.
"""

from __future__ import annotations

from datetime import UTC, datetime

from hub_ext.adapters.engine import BACK_DOORS, LABEL_SEED, ContainerEvent
from hub_ext.adapters.store import Tx, remembered
from hub_ext.expression.docker import LABEL_LAUNCH
from hub_ext.flows.site import Site
from hub_ext.model import Actor, Verb

KEY = "back-door"
# Enough to see what it was; what follows may be a password.
COMMAND_WORDS, COMMAND_LETTERS = 3, 80
_NEVER = datetime.fromtimestamp(1, UTC)


def last_seen(site: Site) -> datetime:
    """When the last use that is on record happened; long ago where there is none."""
    with site.store.reading() as tx:
        return _last(tx)


def record(site: Site, actor: Actor, event: ContainerEvent) -> bool:
    """Writes one down, once however often the engine tells it. Whether it was new, and a use at all."""
    if event.action not in BACK_DOORS or _ours(event):
        return False
    with site.store.reading() as tx:
        if event.time <= _last(tx):
            return False
    with site.store.transaction() as tx:
        facts = {"action": event.action, "container": event.id, "at": event.time.isoformat()}
        if event.command:
            facts["command"] = " ".join(event.command.split()[:COMMAND_WORDS])[:COMMAND_LETTERS]
        site.record(tx, actor, Verb.BACK_DOOR_USED, event.labels.get(LABEL_LAUNCH) or event.name, facts)
        remembered.put(tx, {KEY: {"last": event.time.isoformat()}}, site.now())
    return True


def _ours(event: ContainerEvent) -> bool:
    return event.action == "extract-to-dir" and LABEL_SEED in event.labels


def _last(tx: Tx) -> datetime:
    held = remembered.find(tx, KEY)
    return datetime.fromisoformat(held.value["last"]) if held else _NEVER
