"""`hub-ext catalogue export` and `import`: the catalogue as one file that people keep in git."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from traitlets import Bool, Unicode

from hub_ext.cli.app import Argument, Command
from hub_ext.cli.catalogue_words import explained
from hub_ext.expression.catalogue import finding_text
from hub_ext.expression.catalogue_file import MOST_BYTES, document, written
from hub_ext.expression.catalogue_plan import step_lines
from hub_ext.flows import catalogue_import as flows
from hub_ext.model import ImportPlan, Rejection


class Export(Command):
    """Write the whole catalogue as YAML: equal catalogues make equal files."""

    examples = """
        hub-ext catalogue export > catalogue.yaml
        hub-ext catalogue export --output catalogue.yaml
    """
    output = Unicode("", help="File to write; stdout otherwise.").tag(option=True, metavar="FILE")

    def run(self) -> None:
        """Write it."""
        stated = flows.export(self.site)
        if self.json:
            self.done(document(stated), "")
            return
        text = written(stated)
        if self.output:
            Path(self.output).write_text(text, encoding="utf-8")
            self.progress(f"{self.output} has {len(stated)} entries")
        else:
            sys.stdout.write(text)


class Import(Command):
    """Make the catalogue what a file of `export` says, all of it or nothing.

    Digests that are new, and those to be published, are reviewed as by `add` and `publish`. Entries that the
    file leaves out are left alone.
    """

    examples = """
        hub-ext catalogue import catalogue.yaml --dry-run
        hub-ext catalogue import catalogue.yaml --expected 5d1f…
        git show HEAD:catalogue.yaml | hub-ext catalogue import -
    """
    arguments = (Argument("file", 'The file; "-" is stdin.'),)
    dry_run = Bool(False, help="Say what would change; write nothing.").tag(option=True)
    retire_missing = Bool(False, help="Retire entries that the file leaves out.").tag(option=True)
    despite_failed_check = Bool(False, help="Also where a last check failed.").tag(option=True)
    expected = Unicode(None, allow_none=True, help="Do just what this dry run said, or nothing.").tag(
        option=True, metavar="PLAN"
    )

    async def run(self) -> int:
        """Say what changes, and change it."""
        wanted = flows.wish(
            _content(self.argument("file")),
            retire_missing=self.retire_missing,
            despite_failed_check=self.despite_failed_check,
        )
        if self.dry_run:
            plan = await flows.preview(self.site, wanted)
            if plan.refused:
                return self._refused([Rejection(one.after.slug, one.findings) for one in plan.entries])
            verdict = (
                "Nothing would change." if plan.nothing else f"Nothing is written. Plan {plan.expected}."
            )
        else:
            result = await flows.import_file(self.site, self.actor, wanted, expected=self.expected)
            if not isinstance(result, ImportPlan):
                return self._refused(list(result))
            plan = result
            verdict = "Nothing changes." if plan.nothing else "Imported."
        self.done(plan, f"{_told(plan)}{verdict}")
        return 0

    def _refused(self, rejections: list[Rejection]) -> int:
        held = {one.entry: [finding for finding in one.findings if finding.blocking] for one in rejections}
        sentences = [f"{slug}: {finding_text(one)}" for slug, found in held.items() for one in found]
        value: dict[str, Any] = {"refused": {slug: explained(found) for slug, found in held.items() if found}}
        return self.refused([*sentences, "Nothing is imported."], value)


def _content(name: str) -> bytes:
    """The file's bytes, one more than may be at most."""
    if name == "-":
        return sys.stdin.buffer.read(MOST_BYTES + 1)
    with Path(name).open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _told(plan: ImportPlan) -> str:
    """The plan for people."""
    lines = []
    for one in plan.entries:
        lines += [f"{one.after.slug}: {line}" for line in step_lines(one)]
        lines += [f"{one.after.slug}: - {finding_text(finding)}" for finding in one.findings]
    if plan.missing:
        lines.append(f"Not in the file, left alone: {', '.join(plan.missing)}.")
    return "".join(f"{line}\n" for line in lines)
