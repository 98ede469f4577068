"""`hub-ext doctor`."""

from __future__ import annotations

import sys

from traitlets import Bool

from hub_ext.cli.app import Command
from hub_ext.flows.doctor import Finding, Health, examine

COLOURS = {Health.OK: "32", Health.WARN: "33", Health.FAIL: "31"}


class Doctor(Command):
    """Check everything that a launch rests on, and say for each fault what to do.

    Ends with status 1 when something must be mended. "warn" is also said of what cannot be verified.
    """

    examples = """
        hub-ext doctor
        hub-ext doctor --faults-only
        hub-ext doctor --json
    """
    faults_only = Bool(False, help="Leave out what is as it should be.").tag(option=True)

    async def run(self) -> int:
        """Look, and tell."""
        self.progress("Looking at engine, network, registry, store, GPUs, disk and software")
        findings = await examine(self.site)
        shown = [found for found in findings if not (self.faults_only and found.health is Health.OK)]
        if self.json:
            self.done(shown, "")
        else:
            for found in shown:
                print(_line(found, colour=sys.stdout.isatty()))
            counts = {health: sum(found.health is health for found in findings) for health in Health}
            ok, warnings, failures = (counts[each] for each in (Health.OK, Health.WARN, Health.FAIL))
            print(f"\nok: {ok}, warnings: {warnings}, failures: {failures}")
        return int(any(found.health is Health.FAIL for found in findings))


def _line(found: Finding, *, colour: bool) -> str:
    word = f"{found.health.value:<4}"
    if colour:
        word = f"\x1b[{COLOURS[found.health]}m{word}\x1b[0m"
    advice = f"\n      {'':<16} → {found.advice}" if found.advice else ""
    return f"{word}  {found.check!s:<16} {found.seen}{advice}"
