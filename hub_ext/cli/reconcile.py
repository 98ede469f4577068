"""`hub-ext reconcile`: what store and engine disagree on, and its mending."""

from __future__ import annotations

from traitlets import Bool

from hub_ext.cli.app import Command
from hub_ext.errors import NetworkError
from hub_ext.flows import firewall, reconcile
from hub_ext.flows.strays import Strays, find

WORDS = {
    reconcile.Mend.CONTAINER_REMOVED: "a container that is no launch's is removed",
    reconcile.Mend.LAUNCH_RELEASED: "a launch whose container has ended lets go of what it held",
    reconcile.Mend.LAUNCH_FORGOTTEN: "a launch that the Hub has lost is stopped",
    reconcile.Mend.LEASE_ENDED: "a GPU held for a launch that is no more is free again",
    reconcile.Mend.FIREWALL_RESTORED: "the firewall's rules are put back",
}


class Reconcile(Command):
    """Bring store, engine and firewall into agreement now, as the reconciler does by itself.

    Volumes and networks that no row knows are shown and never touched: `hub-ext volume delete` deletes one.
    """

    examples = """
        hub-ext reconcile --dry-run
        hub-ext reconcile --dry-run --json
    """
    dry_run = Bool(False, help="Only say what would be done.").tag(option="--dry-run")

    async def run(self) -> None:
        """Compare, mend, tell."""
        # The rules are put back while the engine is down, and containers are mended without iptables.
        failure: NetworkError | None = None
        rules: list[str] = []
        try:
            problems = await firewall.mend(self.site, actor=self.actor, dry_run=self.dry_run)
            rules = [str(problem) for problem in problems]
        except NetworkError as error:
            failure = error
        mends = await reconcile.sweep(self.site, actor=self.actor, dry_run=self.dry_run)
        strays = await find(self.site)
        if self.json:
            self.done({"dry_run": self.dry_run, "mends": mends, "firewall": rules, "strays": strays}, "")
        else:
            said = [f"{WORDS[mended.mend]}: {mended.subject}" for mended in mends]
            said += [f"{WORDS[reconcile.Mend.FIREWALL_RESTORED]}: {rule}" for rule in rules]
            lines = [*(f"would: {line}" if self.dry_run else line for line in said), *_lines(strays)]
            if not lines and failure is None:
                lines = ["Store, engine and firewall agree."]
            for line in lines:
                print(line)
        if failure is not None:
            raise failure


def _lines(strays: Strays) -> list[str]:
    return [
        *(f"left alone: the volume {name} is in no row" for name in strays.volumes),
        *(f"left alone: the network {name} is not this instance's closed one" for name in strays.networks),
        *(f"left alone: the engine has lost the volume {name}" for name in strays.missing),
    ]
