"""`hub-ext audit`: the record, listed, exported, verified."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO

from traitlets import Enum, Int, Unicode

from hub_ext.adapters.store import persons
from hub_ext.adapters.store.facts import canonical
from hub_ext.cli import output
from hub_ext.cli.app import Command, Noun
from hub_ext.errors import InputError
from hub_ext.flows import audit
from hub_ext.flows.look_up import person_ever_named
from hub_ext.model import AuditEvent


class Selecting(Command):
    """The options of commands that read some of the events."""

    person = Unicode("", help="Events about this person, by username or id.").tag(option=True)
    project = Unicode("", help="Events about this project.").tag(option=True, metavar="SLUG")
    dataset = Unicode("", help="Events about this dataset.").tag(option=True, metavar="SLUG")
    image = Unicode("", help="Events about this image.").tag(option=True, metavar="SLUG")
    verb = Unicode("", help='What happened, "launch.refused", or all of "launch".').tag(option=True)
    since = Unicode("", help="From the start of this day.").tag(option=True, metavar="DATE")
    until = Unicode("", help="To the end of this day.").tag(option=True, metavar="DATE")

    def selection(self) -> audit.Selection:
        """What the options ask for. Raises InputError."""
        return audit.Selection(
            verbs=audit.verbs_named(self.verb) if self.verb else (),
            person=self._person_id() if self.person else "",
            project=self.project,
            dataset=self.dataset,
            image=self.image,
            since=self.beginning(self.since) if self.since else None,
            until=self.end(self.until) if self.until else None,
        )

    def _person_id(self) -> str:
        with self.site.store.reading() as tx:
            return person_ever_named(tx, self.person).id


class List(Selecting):
    """Events in their order, the last ones of those selected.

    The record tells decisions and mounts; it does not see which files were read.
    """

    examples = """
        hub-ext audit list --project onco --since 2026-01-01
        hub-ext audit list --verb launch.refused --person alice --json
    """
    limit = Int(50, help="At most so many; 0 is all.").tag(option=True, metavar="N")

    def run(self) -> None:
        """Read once, keep the last."""
        if self.limit < 0:
            raise InputError("--limit is a number from 0 up.")
        selection = self.selection()
        events: Iterable[AuditEvent] = (
            audit.newest(self.site, selection, limit=self.limit)[::-1]
            if self.limit
            else audit.listing(self.site, selection)
        )
        with self.site.store.reading() as tx:
            names = {person.id: person.username for person in persons.listing(tx)}
        self.show_table(
            events,
            {
                "EVENT": lambda event: event.sequence,
                "TIME": lambda event: event.time,
                "WHO": lambda event: _who(event, names),
                "VERB": lambda event: event.verb,
                "SUBJECT": lambda event: names.get(event.subject, event.subject),
                "FACTS": lambda event: _brief(event.facts),
            },
            empty="No such event.",
        )


class Export(Selecting):
    """Write events to a file or to stdout: one JSON object a line, or CSV for spreadsheets.

    The export itself goes on the record, with what was selected. A JSON line holds all that was hashed
    and the hash: sha256 of the line without "hash", keys sorted, no spaces.
    """

    examples = """
        hub-ext audit export --output audit.jsonl
        hub-ext audit export --format csv --dataset mri --since 2026-01-01 --output mri.csv
    """
    output = Unicode("", help="A new file, readable by you only. Default: stdout.").tag(
        option=True, metavar="FILE"
    )
    format = Enum(audit.FORMATS, "jsonl", help="jsonl or csv.").tag(option=True)

    def run(self) -> None:
        """Read the options first, so that a mistyped one leaves no file behind."""
        selection, actor = self.selection(), self.actor
        with _opened(self.output) as out:
            count = audit.export(self.site, actor, selection, out, self.format)
        self.progress(f"{count} events written{f' to {self.output}' if self.output else ''}.")


class Verify(Command):
    """Walk the whole chain of hashes and report the first event that was changed, removed or inserted.

    Only a hash kept elsewhere shows that the end was cut off, or that all was written anew: keep the
    printed head, on paper or on another machine, and give it back with --anchor.
    """

    examples = """
        hub-ext audit verify
        hub-ext audit verify --anchor 1204:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    """
    anchor = Unicode("", help="A head that was kept elsewhere.").tag(option=True, metavar="SEQ:HASH")

    def run(self) -> int:
        """Status 1 where the record does not hold."""
        found = audit.verify(self.site, anchor=_anchor(self.anchor) if self.anchor else None)
        if not found.ok:
            sentences = (
                f"The record does not hold: event {found.first_bad}: {found.why}.",
                f"The {found.events} events before it hold.",
                "Keep the database as it is, and compare it with a backup or an export.",
            )
            if self.json:
                output.print_json(found)
            output.complain(*sentences)
            return 1
        sequence, digest = found.head
        self.done(
            found,
            f"The record holds: {found.events} events.\n"
            f"Head {sequence}:{digest} (keep it elsewhere, and give it as --anchor next time).",
        )
        return 0


class Audit(Noun):
    """The record of who had access to what, when, with which software."""

    verbs = (
        ("list", List, "events, selected by person, project, dataset, image, verb or time"),
        ("export", Export, "events as JSON Lines or CSV"),
        ("access", "hub_ext.cli.audit_access.AccessTo", "who had access to a dataset, with which software"),
        ("verify", Verify, "prove that no event was changed, removed or inserted"),
    )
    examples = """
        hub-ext audit list --verb grant
        hub-ext audit verify
    """


def _anchor(text: str) -> tuple[int, str]:
    typed = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", text.strip())
    if typed is None:
        raise InputError(f"{text!r} is no anchor.", advice='Give what `audit verify` printed after "Head".')
    return int(typed[1]), typed[2]


@contextmanager
def _opened(path: str) -> Iterator[TextIO]:
    """The new file, or stdout for an empty path."""
    if not path:
        yield sys.stdout
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise InputError(f"{path} exists already.", advice="Name a new file.") from error
    with open(handle, "w", encoding="utf-8", newline="") as out:
        yield out


def _who(event: AuditEvent, names: dict[str, str]) -> str:
    shown = names.get(event.actor.id, event.actor.id)
    behind = names.get(event.actor.on_behalf, event.actor.on_behalf)
    return f"{shown} ({event.actor.kind.value})" + (f" for {behind}" if behind else "")


def _brief(facts: object) -> str:
    text = canonical(facts)
    return text if len(text) <= 160 else f"{text[:159]}…"
