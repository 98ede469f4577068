"""`hub-ext catalogue check`: an image really started."""

from __future__ import annotations

import asyncio
import sys

from traitlets import Int

from hub_ext.cli.app import Argument, Command
from hub_ext.expression.catalogue import OUTCOMES
from hub_ext.flows import image_check as flow
from hub_ext.model.image_checks import CheckOutcome, CheckRunner


def added(before: str, log: str) -> str:
    """What the log has more than before. Of a long one, lines behind its head are no longer kept."""
    same = next(
        (at for at, (one, other) in enumerate(zip(before, log, strict=False)) if one != other), len(before)
    )
    head = log.rfind("\n", 0, same) + 1
    former, present = before[head:], log[head:]
    at = 0
    while not present.startswith(former[at:]):
        at = former.find("\n", at) + 1 or len(former)
    return present[len(former) - at :]


class Check(Command):
    """Start a revision's notebook server as a launch does, without data, then run the image's smoke test.

    What it prints is shown as it comes, on standard error. Status 0 where it passed, 1 where it did not, 130
    where it was interrupted.
    """

    examples = """
        hub-ext catalogue check python
        hub-ext catalogue check python --revision 3
    """
    arguments = (Argument("entry", "Slug of the entry."),)
    revision = Int(None, allow_none=True, help="Its number; by default the newest.").tag(
        option=True, metavar="N"
    )

    async def run(self) -> int:
        """Check it, to its end."""
        shown = ""

        def tell(log: str) -> None:
            nonlocal shown
            sys.stderr.write(added(shown, log))
            sys.stderr.flush()
            shown = log

        begun = flow.begin(
            self.site, self.actor, self.argument("entry"), self.revision, runner=CheckRunner.COMMAND
        )
        try:
            ended = await flow.run(self.site, self.actor, begun, tell)
        except asyncio.CancelledError:
            self.progress("Interrupted; nothing of it is left, and it is written down")
            raise
        if ended.outcome is CheckOutcome.ERROR:
            sys.stderr.write(f"{' '.join(str(one) for one in flow.why(self.site, ended.id))}\n")
        words = OUTCOMES[ended.outcome].en
        status = f" (exit status {ended.status})" if ended.outcome is CheckOutcome.FAILED else ""
        self.done(
            {"check": ended.id, "revision": ended.number, "outcome": ended.outcome, "status": ended.status},
            f"Revision {ended.number} of {ended.entry}: {words[0].lower()}{words[1:]}{status}.",
        )
        return 0 if ended.outcome.for_image else 1
