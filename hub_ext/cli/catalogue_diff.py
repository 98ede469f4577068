"""`hub-ext catalogue diff`: what two revisions differ in."""

from __future__ import annotations

from collections.abc import Collection

from traitlets import Int

from hub_ext.cli.app import Argument, Command
from hub_ext.errors import InputError
from hub_ext.expression.image_env import DENIED_ENV
from hub_ext.flows import catalogue
from hub_ext.flows import image_contents as flow
from hub_ext.model.image_contents import Change


class Diff(Command):
    """Show which packages and variables were added, removed or changed from one revision to another.

    Packages are known of images that bring a list of them; of others that is said. Variables that servers get
    empty, unless the entry allows them, are marked.
    """

    examples = """
        hub-ext catalogue diff python
        hub-ext catalogue diff python --from 2 --to 5 --json
    """
    arguments = (Argument("entry", "Slug of the entry."),)
    before = Int(None, allow_none=True, help="Number of the earlier one; by default the one before.").tag(
        option="--from", metavar="N"
    )
    after = Int(None, allow_none=True, help="Number of the later one; by default the newest.").tag(
        option="--to", metavar="N"
    )

    async def run(self) -> None:
        """Show the table."""
        slug = self.argument("entry")
        shown = catalogue.show(self.site, slug)
        emptied = set(DENIED_ENV) - set(shown.entry.allowed_env)
        newest = max((known.number for known in shown.revisions), default=0)
        after = newest if self.after is None else self.after
        before = after - 1 if self.before is None else self.before
        if before < 1:
            raise InputError(f"{slug} has no revision before {after}.", advice="Name two: --from, --to.")
        found = await flow.between(self.site, slug, before, after)
        if found.packages is None:
            self.progress("One of the two brings no list of its packages: what differs in them is not known.")
        self.show_table(
            [*(found.packages or ()), *found.env],
            {
                "KIND": lambda change: change.kind,
                "NAME": lambda change: f"{change.name}{' (emptied)' if _is_emptied(change, emptied) else ''}",
                f"REVISION {before}": lambda change: change.before or "-",
                f"REVISION {after}": lambda change: change.after or "-",
            },
            empty="Nothing that is known differs.",
        )


def _is_emptied(change: Change, emptied: Collection[str]) -> bool:
    return change.kind == "env" and change.name in emptied
