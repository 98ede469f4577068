"""The command line's root: parsing, help, errors, who runs it, dates."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from traitlets import Bool, Enum, Int, List, Unicode

from hub_ext.cli import app, dates, output
from hub_ext.cli.app import Argument, Command, HubExtCommand, Noun, host_user, main
from hub_ext.errors import InputError, NotFound, SettingsError
from hub_ext.flows import people
from hub_ext.flows.site import open_site
from hub_ext.model import Actor, ActorKind, Localised

Typed = Callable[..., int]
ran: list[Any] = []


class Pick(Command):
    """Pick a thing.

    A second paragraph.
    """

    examples = "hub-ext thing pick a b --many x"
    arguments = (Argument("first", "The first."), Argument("second", "The second.", optional=True))
    count = Int(0, help="How many, at most 100%.").tag(option=True, metavar="N")
    many = List(Unicode(), help="Some.").tag(option="--many", metavar="TEXT")
    kind = Enum(["red", "blue"], "red", help="Colour.").tag(option=True)
    quiet = Bool(False, help="Say less.").tag(option=True)
    colour = Bool(True, help="In colour.").tag(option=True)

    def run(self) -> int | None:
        ran.append(self)
        return None


class Must(Command):
    """Needs an option and takes several arguments."""

    arguments = (Argument("things", "Things.", many=True),)
    source = Unicode("", help="From where.").tag(option="--from", required=True, metavar="PLACE")

    async def run(self) -> int:
        ran.append(self)
        return 7


class Fail(Command):
    """Fails as told."""

    arguments = (Argument("how", "How."),)

    def run(self) -> None:
        match self.argument("how"):
            case "known":
                raise NotFound("There is no x.", advice="Look again.")
            case "defect":
                raise KeyError("oh")
            case "system":
                Path("/nonexistent/x").read_text()
            case "interrupt":
                raise KeyboardInterrupt
            case "settings":
                _ = self.settings
            case "actor":
                self.done(self.actor, str(self.actor.on_behalf))


class Thing(Noun):
    """Things."""

    verbs = (("pick", Pick, "pick one"), ("must", Must, "must"), ("fail", Fail, "fail"))


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Typed:
    """Type words after `hub-ext`; a noun "thing" is there too."""
    ran.clear()
    monkeypatch.setattr(HubExtCommand, "verbs", (*app.NOUNS, ("thing", Thing, "things")))
    monkeypatch.delenv("HUB_EXT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return lambda *words: main(list(words))


def test_options_and_arguments_in_any_order(typed: Typed) -> None:
    words = ["--count", "3", "a", "--many", "x", "--many=y", "b", "--kind", "blue", "--quiet", "--no-colour"]
    assert typed("thing", "pick", *words) == 0
    (command,) = ran
    assert (command.argument("first"), command.argument("second")) == ("a", "b")
    assert (command.count, command.many, command.kind) == (3, ["x", "y"], "blue")
    assert (command.quiet, command.colour, command.json) == (True, False, False)


def test_defaults_and_a_leading_dash_after_two(typed: Typed) -> None:
    assert typed("thing", "pick", "--count", "-3", "--", "-a") == 0
    (command,) = ran
    assert (command.argument("first"), command.argument("second"), command.many) == ("-a", None, [])
    assert command.count == -3
    assert command.colour is True


def test_many_arguments_a_required_option_and_a_status(typed: Typed) -> None:
    assert typed("thing", "must", "a", "--from", "here", "b") == 7
    assert (ran[0].argument("things"), ran[0].source) == (["a", "b"], "here")


@pytest.mark.parametrize("words", [["--json", "thing", "pick"], ["thing", "--json", "pick"]])
def test_common_options_may_stand_before_the_verb(typed: Typed, words: list[str]) -> None:
    assert typed("--config", "thing", *words, "a") == 0
    assert (ran[0].json, ran[0].config_file) == (True, "thing")


def test_two_runs_in_one_process_share_nothing(typed: Typed) -> None:
    typed("thing", "pick", "a", "--count", "3", "--many", "x")
    typed("thing", "pick", "b")
    assert (ran[1].count, ran[1].many) == (0, [])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "hub-ext needs one of: setup,"),
        (["thing"], "hub-ext thing needs one of: pick, must, fail."),
        (["thnig"], "hub-ext knows no 'thnig'. Did you mean 'thing'?"),
        (["thing", "zzz"], "hub-ext thing knows no 'zzz'."),
        (["thing", "pick"], "hub-ext thing pick: first is missing."),
        (["thing", "pick", "a", "b", "c"], "'c' is too much."),
        (["thing", "pick", "a", "--cou=3"], "there is no option --cou."),
        (["thing", "pick", "a", "--count", "x"], "invalid int value: 'x'"),
        (["thing", "pick", "a", "--kind", "green"], "invalid choice: 'green'"),
        (["thing", "pick", "a", "--Command.json=True"], "there is no option --Command.json."),
        (["thing", "must", "a"], "required: --from"),
        (["--on-behalf-of"], "needs one of"),
    ],
)
def test_what_is_typed_wrongly_ends_with_2_and_a_hint(
    typed: Typed, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert typed(*words) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert "--help` says how it is typed." in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert ran == []


def test_help_of_the_root_a_noun_and_a_verb(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("--help") == 0
    root = capsys.readouterr().out
    assert all(f"\n  {noun} " in root for noun, _, _ in app.NOUNS)
    assert typed("thing", "--help") == 0
    assert "  pick  pick one\n" in capsys.readouterr().out
    assert typed("help", "thing", "pick") == 0
    verb = capsys.readouterr().out
    assert typed("thing", "pick", "a", "-h") == 0
    assert capsys.readouterr().out == verb
    assert verb.startswith("usage: hub-ext thing pick [options] first [second]\n\nPick a thing.\n\nA second")
    assert "How many, at most 100%." in verb
    assert "Some. May be repeated." in verb
    assert (
        verb.index("--count N")
        < verb.index("--many TEXT")
        < verb.index("common options")
        < verb.index("--config")
    )
    assert "examples:\n  hub-ext thing pick a b --many x" in verb
    assert "--log-level" not in verb


def test_version(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("--version") == 0
    assert capsys.readouterr().out.startswith("hub-ext 0")


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ("known", 1, "There is no x.\nLook again.\n"),
        ("defect", 1, "KeyError: 'oh'.\nThis is a defect: --debug shows where.\n"),
        ("system", 1, "/nonexistent/x: No such file or directory.\n"),
        ("interrupt", 130, ""),
    ],
)
def test_failures_in_a_sentence(
    typed: Typed, capsys: pytest.CaptureFixture[str], how: str, status: int, said: str
) -> None:
    assert typed("thing", "fail", how) == status
    assert capsys.readouterr().err == said


def test_debug_shows_the_traceback(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("thing", "fail", "defect", "--debug") == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "There is no settings file"),
        ("c.HubExt.instance = ", "fails: SyntaxError"),
        ("1 / 0", "fails: ZeroDivisionError"),
        ("c.HubExt.hub_port = 'x'", "fails: TraitError"),
        ("c.HubExt.instance = 'x'", "c.HubExt.state_dir is not set."),
    ],
)
def test_settings_that_cannot_be_read(
    typed: Typed, capsys: pytest.CaptureFixture[str], content: str | None, sentence: str
) -> None:
    if content is not None:
        Path("odd.py").write_text(content)
    assert typed("thing", "fail", "settings", "--config", "odd.py") == 1
    assert sentence in capsys.readouterr().err


def test_the_settings_file_is_found_by_option_variable_and_place(
    typed: Typed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".state").mkdir()
    for name in (".state/hub_ext_config.py", "variable.py", "option.py"):
        Path(name).write_text(f"raise RuntimeError({name!r})")
    typed("thing", "fail", "settings")
    assert "RuntimeError: .state/hub_ext_config.py" in capsys.readouterr().err
    monkeypatch.setenv("HUB_EXT_CONFIG", "variable.py")
    typed("thing", "fail", "settings")
    assert "RuntimeError: variable.py" in capsys.readouterr().err
    typed("thing", "fail", "settings", "--config", "option.py")
    assert "RuntimeError: option.py" in capsys.readouterr().err


def test_the_actor_is_the_host_user_on_behalf_of_a_person(
    typed: Typed, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = tmp_path / "config.py"
    config.write_text(f"c.HubExt.state_dir = {str(tmp_path)!r}")
    assert typed("thing", "fail", "actor", "--json", "--config", str(config)) == 0
    assert json.loads(capsys.readouterr().out) == {"kind": "host-user", "id": host_user(), "on_behalf": ""}
    assert typed("thing", "fail", "actor", "--on-behalf-of", "mira", "--config", str(config)) == 1
    assert "There is no person with the username 'mira'." in capsys.readouterr().err
    held = open_site(app.load_settings(str(config)))
    person = people.add_person(
        held, Actor(ActorKind.HOST_USER, "x"), issuer="i", subject="s", username="mira"
    )
    held.close()
    assert typed("thing", "fail", "actor", "--on-behalf-of", "mira", "--config", str(config)) == 0
    assert capsys.readouterr().out == f"{person.id}\n"


def test_behind_sudo_the_one_who_typed_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    other = next(known.pw_name for known in pwd.getpwall() if known.pw_uid not in (0, os.getuid()))
    monkeypatch.setenv("SUDO_USER", other)
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert host_user() == other
    monkeypatch.setenv("SUDO_USER", "nobody-of-that-name")
    assert host_user() == "root"
    # Whoever is not root may set the variable to anything.
    monkeypatch.setenv("SUDO_USER", "root")
    monkeypatch.setattr(os, "getuid", lambda: pwd.getpwnam(other).pw_uid)
    assert host_user() == other
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert host_user() == "uid-4000000"


# --- every noun that is offered is there ---


def commands(verbs: tuple[app.Word, ...], lead: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for word, target, about in verbs:
        assert about
        if isinstance(target, str):
            module, _, name = target.rpartition(".")
            target = getattr(import_module(module), name)
        if issubclass(target, Noun):
            assert target.verbs, f"{target} has no verbs"
            found += [(*lead, word), *commands(target.verbs, (*lead, word))]
        else:
            found.append((*lead, word))
    return found


@pytest.mark.parametrize("noun", list(app.NOUNS), ids=lambda noun: noun[0])
def test_every_command_says_what_it_does(noun: app.Word, capsys: pytest.CaptureFixture[str]) -> None:
    for words in commands((noun,)):
        assert main([*words, "--help"]) == 0, words
        said = capsys.readouterr().out
        assert said.startswith(f"usage: hub-ext {' '.join(words)} ")
        assert "examples:\n  " in said, f"{words} has no example"


def test_the_entry_point_and_a_reader_that_goes_away() -> None:
    program = Path(sys.executable).with_name("hub-ext")
    done = subprocess.run([program, "nonsense"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    shell = subprocess.run(
        ["sh", "-c", f"{program} --help | true"], capture_output=True, text=True, check=False
    )
    assert shell.stderr == ""


def test_help_loads_no_noun() -> None:
    code = "import sys; from hub_ext.cli.app import main; main(['--help']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for heavy in ("hub_ext.cli.catalogue", "hub_ext.flows", "sqlalchemy", "aiohttp", "docker'", "jupyterhub"):
        assert f"'{heavy}" not in done.stdout


# --- dates and output ---


@pytest.mark.parametrize(
    ("text", "zone", "beginning", "end"),
    [
        ("2026-12-31", "UTC", "2026-12-31T00:00Z", "2027-01-01T00:00Z"),
        ("2026-12-31", "Europe/Paris", "2026-12-30T23:00Z", "2026-12-31T23:00Z"),
        # 25 October has 25 hours in Paris.
        ("2026-10-25", "Europe/Paris", "2026-10-24T22:00Z", "2026-10-25T23:00Z"),
        ("2026-12-31T18:00", "Europe/Paris", "2026-12-31T17:00Z", "2026-12-31T17:00Z"),
        ("2026-12-31T18:00+05:00", "Europe/Paris", "2026-12-31T13:00Z", "2026-12-31T13:00Z"),
    ],
)
def test_dates_as_people_type_them(text: str, zone: str, beginning: str, end: str) -> None:
    assert dates.beginning(text, zone) == datetime.fromisoformat(beginning)
    assert dates.end(text, zone) == datetime.fromisoformat(end)
    assert dates.end(text, zone).tzinfo is UTC


@pytest.mark.parametrize("text", ["", "tomorrow", "31/12/2026", "2026-02-30", "2026-13-01", "9999-12-31"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(InputError, match="is not a date"):
        dates.end(text, "Europe/Paris")


def test_a_zone_that_is_none() -> None:
    for name in ("Mars/Phobos", "../etc/passwd", ""):
        with pytest.raises(SettingsError, match="time_zone"):
            dates.end("2026-12-31", name)


def test_tables_show_no_control_character() -> None:
    rows = [("a\x1b[2J\nb", Localised("x", "y"), None, True, ("p", "q"))]
    columns = {str(place): (lambda row, place=place: row[place]) for place in (0, 2, 3, 4)}
    assert output.table(rows, columns) == "0        2  3    4\na?[2J?b  -  yes  p, q"
    assert output.plain(rows[0][1]) == {"en": "x", "fr": "y"}


def test_no_sentence_gives_the_terminal_an_order(capsys: pytest.CaptureFixture[str]) -> None:
    """Names of files, texts of a provider and last words of containers stand in sentences and in JSON."""
    hostile = "a\x1b]0;title\x07\x9b2J\u202e\udcff.csv"
    output.complain(f"There is {hostile}.\nÀ voir\N{NO-BREAK SPACE}: mieux")
    shown = capsys.readouterr().err
    assert shown == "There is a?]0;title??2J??.csv.\nÀ voir : mieux\n"
    output.print_json({"path": hostile, "titre": "Cœur\N{NO-BREAK SPACE}!"})
    shown = capsys.readouterr().out
    assert json.loads(shown) == {"path": hostile, "titre": "Cœur\N{NO-BREAK SPACE}!"}
    assert "Cœur" in shown
    assert all(one.isprintable() for one in shown.replace("\n", ""))
