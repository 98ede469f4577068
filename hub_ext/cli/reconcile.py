"""`hub-ext reconcile`: what store and engine disagree on, and its mending."""

from __future__ import annotations

from traitlets import Bool

from hub_ext.cli.app import Command
from hub_ext.flows import reconcile
from hub_ext.flows.strays import Strays, find

WORDS = {
    reconcile.Mend.CONTAINER_REMOVED: "a container that is no launch's is removed",
    reconcile.Mend.LAUNCH_RELEASED: "a launch whose container has ended lets go of what it held",
    reconcile.Mend.LAUNCH_FORGOTTEN: "a launch that the Hub has lost is stopped",
    reconcile.Mend.LEASE_ENDED: "a GPU held for a launch that is no more is free again",
}


class Reconcile(Command):
    """Bring store and engine into agreement now, as the reconciler does by itself.

    Volumes and networks that no row knows are shown and never touched: `hub-ext volume delete` deletes one.
    """

    examples = """
        hub-ext reconcile --dry-run
        hub-ext reconcile --dry-run --json
    """
    dry_run = Bool(False, help="Only say what would be done.").tag(option="--dry-run")

    async def run(self) -> None:
        """Compare, mend, tell."""
        mends = await reconcile.sweep(self.site, actor=self.actor, dry_run=self.dry_run)
        strays = await find(self.site)
        if self.json:
            return self.done({"dry_run": self.dry_run, "mends": mends, "strays": strays}, "")
        for mended in mends:
            print(f"{'would: ' if self.dry_run else ''}{WORDS[mended.mend]}: {mended.subject}")
        for line in _lines(strays):
            print(line)
        if not mends and not strays:
            print("Store and engine agree.")


def _lines(strays: Strays) -> list[str]:
    return [
        *(f"left alone: the volume {name} is in no row" for name in strays.volumes),
        *(f"left alone: the network {name} is not this instance's closed one" for name in strays.networks),
        *(f"left alone: the engine has lost the volume {name}" for name in strays.missing),
    ]
