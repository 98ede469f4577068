"""`hub-ext stop`, `hub-ext drain` and `hub-ext block`: what operators stop at once or bring to an end."""

from __future__ import annotations

from datetime import datetime

from traitlets import Bool, Unicode

from hub_ext.adapters.store import blocks, persons
from hub_ext.cli.app import Argument, Command, Noun
from hub_ext.cli.parsing import UsageError
from hub_ext.flows import blocks as flow
from hub_ext.model import Block, BlockKind, BlockScope, Launch
from hub_ext.policy.blocks import stands

SCOPES = ", ".join(scope.value for scope in BlockScope)
ON = (
    Argument("scope", f"What it is on: {SCOPES}."),
    Argument("name", "Username or slug; nothing for everything.", optional=True),
)


class _Adding(Command):
    """What stopping and draining share."""

    arguments = ON
    kind = BlockKind.STOP
    why = Unicode(help="Why, in one line; whoever is concerned reads it, so it names nobody.").tag(
        option=True, metavar="TEXT", required=True
    )
    until = Unicode("", help="It lifts itself then: an instant, or a day at whose end. Default: never.").tag(
        option=True, metavar="WHEN"
    )
    dry_run = Bool(False, help="Only say which sessions it would be on.").tag(option=True)

    def end_by_typed(self) -> datetime | None:
        """When sessions have to have ended; None: as the kind has it."""
        return None

    def run(self) -> None:
        """Add the block, or look."""
        wanted = flow.Wanted(
            self.kind,
            _scope(self.argument("scope"), self.typed),
            self.argument("name") or "",
            self.why,
            end_by=self.end_by_typed(),
            until=self.end(self.until) if self.until else None,
        )
        found = flow.look(self.site, wanted).sessions
        if self.dry_run:
            self._show(found)
            return
        block = flow.add(self.site, self.actor, wanted)
        self.done(block, f"{block.id} stands. Sessions under way that it is on: {len(found)}.")

    def _show(self, found: tuple[Launch, ...]) -> None:
        self.show_table(
            found,
            {
                "SESSION": lambda row: row.id,
                "PERSON": lambda row: row.username,
                "PROJECT": lambda row: row.project,
                "IMAGE": lambda row: row.image,
                "STATE": lambda row: row.state,
            },
            empty="No session under way.",
        )


class Stop(_Adding):
    """Stop at once, and let nothing be started: a person, project, dataset, image, node, or everything.

    Sessions end within a minute, also while the Hub is down; the reason stands as a banner on the pages of
    whoever is concerned. `hub-ext block lift` ends it.
    """

    examples = """
        hub-ext stop everything --why "intrusion suspected"
        hub-ext stop person ada --why "account taken over"
        hub-ext stop dataset mri --why "wrong files" --dry-run
    """


class Drain(_Adding):
    """Let nothing be started, and bring what runs to an end by a time, for maintenance.

    Whoever has a session is warned an hour, 15 and 5 minutes before. Without --end-by sessions go on.
    """

    kind = BlockKind.DRAIN
    end_by = Unicode("", help="When sessions have to have ended: an instant, or a day at whose end.").tag(
        option=True, metavar="WHEN"
    )
    examples = """
        hub-ext drain everything --why "the disk is changed" --end-by 2026-12-01T18:00
        hub-ext drain node local --why "new drivers" --end-by 2026-12-01 --until 2026-12-02
    """

    def end_by_typed(self) -> datetime | None:
        """As typed."""
        return self.end(self.end_by) if self.end_by else None


class List(Command):
    """The blocks that stand, or with --all those of the past too."""

    all = Bool(False, help="Lifted and ended ones too.").tag(option=True)
    examples = "hub-ext block list --all"

    def run(self) -> None:
        """Show the table."""
        now = self.site.now()
        with self.site.store.reading() as tx:
            found = blocks.listing(tx) if self.all else blocks.standing(tx, now)
            names = {person.id: person.username for person in persons.listing(tx)}

        def subject(block: Block) -> str:
            return names.get(block.subject, block.subject)

        self.show_table(
            found,
            {
                "BLOCK": lambda row: row.id,
                "KIND": lambda row: row.kind,
                "ON": lambda row: f"{row.scope} {subject(row)}".strip(),
                "SINCE": lambda row: row.since,
                "END BY": lambda row: row.end_by,
                "UNTIL": lambda row: row.until,
                "STANDS": lambda row: stands(row, now),
                "WHY": lambda row: row.why,
            },
            empty="Nothing is stopped.",
        )


class Lift(Command):
    """Let launches be admitted again."""

    arguments = (Argument("block", "Id of the block, as `hub-ext block list` shows it."),)
    examples = "hub-ext block lift blo-…"

    def run(self) -> None:
        """Lift it."""
        block = flow.lift(self.site, self.actor, self.argument("block"))
        self.done(block, f"{block.id} is lifted.")


class BlockNoun(Noun):
    """What is stopped, and the end of it; `hub-ext stop` and `hub-ext drain` begin one."""

    verbs = (
        ("list", List, "what is stopped"),
        ("lift", Lift, "let launches be admitted again"),
    )
    examples = "hub-ext block list"


def _scope(text: str, typed: str) -> BlockScope:
    try:
        return BlockScope(text)
    except ValueError as error:
        raise UsageError(f"{typed}: there is no scope {text!r}. Scopes: {SCOPES}.", typed) from error
