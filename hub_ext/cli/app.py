"""`hub-ext`: one command with a noun, then a verb: `hub-ext catalogue publish python`.

How a noun plugs in: write `hub_ext/cli/<noun>.py` and give it a line in NOUNS below; it is imported only
when somebody types the noun.

    class Publish(Command):
        "Publish a revision: what researchers launch from now on."      # docstring = --help

        examples = "hub-ext catalogue publish python --revision 3"
        arguments = (Argument("entry", "Slug of the entry."),)          # strict count; many=, optional=
        revision = Int(0, help="Number of the revision.").tag(option=True, metavar="N")   # --revision N

        def run(self) -> int | None:                                    # or `async def run`
            entry = flows.publish(self.site, self.actor, self.argument("entry"), number=self.revision)
            self.done(entry, f"{entry.slug} now launches revision {entry.revision}.")

    class Catalogue(Noun):
        "Curated images."

        verbs = (("publish", Publish, "publish a revision"),)

Options are traits tagged `option`: Unicode, Int, Float, Bool (a flag), List(Unicode()) (repeatable), Enum;
`option="--from"` names one that Python cannot; `required=True` insists. A command without verbs (doctor)
is a Command in NOUNS. Every command has --config, --json, --debug and --on-behalf-of.
A command offers `settings`, `site`, `actor`, `argument(name)`, `beginning(text)`, `end(text)`, `progress()`,
`done()`, `show_table()`, `show_record()`, `refused()`. Raise HubExtError for a friendly end with status 1
and UsageError for status 2; `run` may return a status of its own.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import pwd
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from traitlets import Bool, TraitError, Unicode
from traitlets.config import Application

from hub_ext import __version__
from hub_ext.cli import dates, output
from hub_ext.cli.parsing import Argument, UsageError, description, parse
from hub_ext.config import CONFIG_VARIABLE, load_settings
from hub_ext.errors import HubExtError, InputError, SettingsError
from hub_ext.model import Actor, ActorKind
from hub_ext.settings import Settings

if TYPE_CHECKING:
    from hub_ext.flows.site import Site

__all__ = ["Argument", "Command", "HubExtCommand", "Noun", "UsageError", "host_user", "main"]

T = TypeVar("T")
Word = tuple[str, Any, str]
DEFAULT_CONFIG = ".state/hub_ext_config.py"

# noun, module.Class, what it is about. The order is that of `hub-ext --help`.
NOUNS: tuple[Word, ...] = (
    ("setup", "hub_ext.cli.setup.command.Setup", "prepare this machine and the instance"),
    ("run", "hub_ext.cli.run.Run", "start the instance in the foreground"),
    ("doctor", "hub_ext.cli.doctor.Doctor", "check everything, and say what to do about it"),
    ("catalogue", "hub_ext.cli.catalogue.Catalogue", "curated images: add, publish, deprecate, retire"),
    ("person", "hub_ext.cli.person.Person", "people who sign in"),
    ("project", "hub_ext.cli.project.Project", "projects, their members and approvals"),
    ("dataset", "hub_ext.cli.dataset.Dataset", "confidential files and their versions"),
    ("grant", "hub_ext.cli.grant.Grant", "datasets given to projects, until a date"),
    ("request", "hub_ext.cli.request.Request", "who asks for which dataset, and the answer"),
    ("outbox", "hub_ext.cli.outbox.Outbox", "letters that are still to be sent"),
    ("volume", "hub_ext.cli.volume.Volume", "homes and project folders, and the end of one"),
    ("reconcile", "hub_ext.cli.reconcile.Reconcile", "bring store and engine into agreement now"),
    ("stop", "hub_ext.cli.block.Stop", "stop and block at once: a person, a project, …, everything"),
    ("drain", "hub_ext.cli.block.Drain", "no new sessions; those under way end by a time"),
    ("block", "hub_ext.cli.block.BlockNoun", "what is stopped: list, lift"),
    ("gpu", "hub_ext.cli.gpu.Gpu", "GPUs and who holds them"),
    ("hours", "hub_ext.cli.hours.Hours", "GPU-, CPU- and memory-hours by project, person and month"),
    ("audit", "hub_ext.cli.audit.Audit", "the record: list, export, verify"),
)


def host_user() -> str:
    """The login name of whoever runs this process; behind sudo, of whoever typed sudo."""
    if os.getuid() == 0 and (typed := os.environ.get("SUDO_USER", "")):
        try:
            return pwd.getpwnam(typed).pw_name
        except KeyError:
            pass
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"


class Base(Application):
    """What nouns and commands share: our own parsing of the command line, no singletons."""

    name = "hub-ext"
    version = __version__
    arguments: tuple[Argument, ...] = ()
    debug = Bool(False, help="Show the traceback of a failure, and log more.")

    @property
    def typed(self) -> str:
        """The words that lead here: "hub-ext catalogue publish"."""
        words = [str(self.name)]
        above = self.parent
        while isinstance(above, Application):
            words.insert(0, str(above.name))
            above = above.parent
        return " ".join(words)

    def initialize(self, argv: list[str] | None = None) -> None:
        """Parse the command line. Raises UsageError."""
        self.parse_command_line(sys.argv[1:] if argv is None else argv)


class Noun(Base):
    """A word that needs another word behind it: `verbs = ((word, class or "module.Class", help), …)`."""

    verbs: tuple[Word, ...] = ()

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """Find the next word and hand it the rest; --config and such may stand before it."""
        rest, lead = list(argv or ()), []
        while rest and rest[0].startswith("-"):
            option = rest.pop(0)
            if option in ("-h", "--help"):
                print(self.help_text())
                raise SystemExit(0)
            if option in ("-V", "--version"):
                print(f"hub-ext {self.version}")
                raise SystemExit(0)
            lead.append(option)
            if option in ("--config", "--on-behalf-of") and rest:
                lead.append(rest.pop(0))
        if not rest:
            known = ", ".join(word for word, _, _ in self.verbs)
            raise UsageError(f"{self.typed} needs one of: {known}.", self.typed)
        word, *rest = rest
        if word == "help":
            return self.parse_command_line([*rest, "--help"])
        self.subapp = self._make(word)
        self.subapp.parse_command_line([*lead, *rest])

    def _make(self, word: str) -> Base:
        targets = {known: target for known, target, _ in self.verbs}
        target = targets.get(word)
        if target is None:
            close = get_close_matches(word, targets, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise UsageError(f"{self.typed} knows no {word!r}.{hint}", self.typed)
        if isinstance(target, str):
            module, _, name = target.rpartition(".")
            target = getattr(import_module(module), name)
        made: Base = target(parent=self)
        made.name = word
        return made

    def help_text(self) -> str:
        """What `--help` prints."""
        width = max((len(word) for word, _, _ in self.verbs), default=0)
        words = "\n".join(f"  {word.ljust(width)}  {about}" for word, _, about in self.verbs)
        examples = textwrap.indent(textwrap.dedent(str(self.examples)).strip(), "  ")
        return (
            f"usage: {self.typed} <one of these> …\n\n{description(type(self))}\n\n{words}\n\n"
            + (f"examples:\n{examples}\n\n" if examples else "")
            + f"`{self.typed} <one of these> --help` says more."
        )

    def execute(self) -> int:
        """Run what was asked for; its exit status."""
        status: int = self.subapp.execute()
        return status


class Command(Base):
    """A command that does something. See the module's docstring."""

    config_file = Unicode(
        "", help=f"Settings file. Default: ${CONFIG_VARIABLE}, else ./{DEFAULT_CONFIG}."
    ).tag(option="--config", metavar="FILE", common=True)
    json = Bool(False, help="Print JSON instead of text.").tag(option=True, common=True)
    debug = Bool(False, help="Show the traceback of a failure, and log more.").tag(option=True, common=True)
    on_behalf_of = Unicode("", help="Who asked for or approved this; recorded beside who ran it.").tag(
        option=True, metavar="USERNAME", common=True
    )

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """Set the traits and arguments. Raises UsageError."""
        options, self._values = parse(self.typed, type(self), list(argv or ()))
        try:
            for name, value in options.items():
                setattr(self, name, value)
        except TraitError as error:
            raise UsageError(str(error), self.typed) from error
        if self.debug:
            self.log_level = "DEBUG"

    def argument(self, name: str) -> Any:
        """The typed value of a positional argument: str, None where optional and absent, list where many."""
        return self._values[name]

    # --- what a command works with ---

    @cached_property
    def settings(self) -> Settings:
        """The site's settings. Raises SettingsError, also when the file itself fails."""
        path = self.config_file or os.environ.get(CONFIG_VARIABLE, "") or os.path.abspath(DEFAULT_CONFIG)
        try:
            return load_settings(path)
        except HubExtError:
            raise
        except Exception as error:
            if self.debug:
                raise
            raise SettingsError(
                f"The settings file {path} fails: {type(error).__name__}: {error}.",
                advice="Mend the file; --debug shows where it fails.",
            ) from error

    @cached_property
    def site(self) -> Site:
        """The open site (store, engine, registries); closed when the command ends."""
        from hub_ext.flows.site import open_site

        return open_site(self.settings)

    @cached_property
    def actor(self) -> Actor:
        """The host user who ran this, on behalf of the person named. Raises InputError."""
        if not self.on_behalf_of:
            return Actor(ActorKind.HOST_USER, host_user())
        from hub_ext.adapters.store import persons

        with self.site.store.reading() as tx:
            person = persons.find_username(tx, self.on_behalf_of)
        if person is None:
            raise InputError(
                f"There is no person with the username {self.on_behalf_of!r}.",
                advice="`hub-ext person list` shows everybody.",
            )
        return Actor(ActorKind.HOST_USER, host_user(), on_behalf=person.id)

    def beginning(self, text: str) -> datetime:
        """The instant of a typed day's start in the site's zone, or of a typed instant. Raises InputError."""
        return dates.beginning(text, self.settings.time_zone)

    def end(self, text: str) -> datetime:
        """The exclusive instant of a typed day's end in the site's zone. Raises InputError."""
        return dates.end(text, self.settings.time_zone)

    # --- what a command says ---

    def progress(self, sentence: str) -> None:
        """Tell on stderr what is going on."""
        print(f"… {output.prose(sentence)}", file=sys.stderr, flush=True)

    def done(self, value: Any, sentence: str) -> None:
        """The sentence for people; the value with --json."""
        if self.json:
            output.print_json(value)
        else:
            print(output.prose(sentence))

    def show_table(
        self, rows: Iterable[T], columns: dict[str, Callable[[T], Any]], *, empty: str = "There are none."
    ) -> None:
        """The rows as a table; the values themselves with --json."""
        held = list(rows)
        if self.json:
            output.print_json(held)
        else:
            print(output.table(held, columns) if held else empty)

    def show_record(self, value: Any, pairs: Sequence[tuple[str, Any]]) -> None:
        """One thing as lines of name and value; the value itself with --json."""
        if self.json:
            output.print_json(value)
        else:
            print(output.record(pairs))

    def refused(self, sentences: Sequence[str], value: Any = None) -> int:
        """Say every reason of an expected "no" (with --json the value); the status to return."""
        if self.json:
            output.print_json({"refused": list(sentences)} if value is None else value)
        output.complain(*sentences)
        return 1

    # --- running ---

    def run(self) -> Any:
        """Do it. Returns None or an exit status, or a coroutine of one."""
        raise NotImplementedError

    def execute(self) -> int:
        """Run, close the site, and return the exit status."""
        try:
            result = self.run()
            if inspect.iscoroutine(result):
                result = asyncio.run(result)
            return int(result or 0)
        finally:
            if "site" in self.__dict__:
                self.site.close()


class HubExtCommand(Noun):
    """Notebooks on confidential data: curated images, granted datasets, a record of it all."""

    name = "hub-ext"
    verbs = NOUNS
    examples = """
        hub-ext doctor
        hub-ext catalogue list
        hub-ext grant add mri onco --until 2026-12-31
        hub-ext audit verify
    """


def main(argv: list[str] | None = None) -> int:
    """Run `hub-ext`. Status 0: done; 1: refused or failed, with a sentence; 2: typed wrongly."""
    words = sys.argv[1:] if argv is None else argv
    app = HubExtCommand()
    try:
        try:
            app.initialize(words)
            return app.execute()
        finally:
            # What a reader that has gone would not take must not come up at Python's own end.
            sys.stdout.flush()
    except UsageError as error:
        output.complain(error.message, f"`{error.typed} --help` says how it is typed.")
        return 2
    except SystemExit as ending:
        return int(ending.code or 0)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`hub-ext … | head`); nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if "--debug" in words:
            traceback.print_exc()
        if isinstance(error, HubExtError):
            output.complain(error.message, error.advice)
        elif isinstance(error, OSError):
            output.complain(f"{error.filename or 'The system'}: {error.strerror or error}.")
        else:
            output.complain(f"{type(error).__name__}: {error}.", "This is a defect: --debug shows where.")
        return 1


if __name__ == "__main__":
    sys.exit(main())
