"""`hub-ext outbox`: letters that are still to be sent."""

from __future__ import annotations

from hub_ext.adapters.store import persons
from hub_ext.cli.app import Command
from hub_ext.flows import outbox


class Outbox(Command):
    """Letters to people who must act that are still to be sent, and what the mail server said last.

    None is written before c.HubExt.mail names a server.
    """

    examples = "hub-ext outbox"

    def run(self) -> None:
        """Show the table."""
        found = [letter for letter, _ in outbox.waiting(self.site)]
        with self.site.store.reading() as tx:
            names = {known.id: known.username for known in persons.listing(tx)}
        self.show_table(
            found,
            {
                "KIND": lambda letter: letter.kind,
                "TO": lambda letter: names[letter.person_id],
                "SINCE": lambda letter: letter.created,
                "TRIES": lambda letter: letter.tries,
                "NEXT TRY": lambda letter: letter.due,
                "SERVER SAID": lambda letter: letter.problem,
            },
            empty="Nothing waits to be sent."
            if self.settings.mail
            else "Nothing waits: c.HubExt.mail names no server, so nobody is written to.",
        )
