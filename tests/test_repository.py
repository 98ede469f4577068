"""What must hold for the repository as a whole."""

from __future__ import annotations

import re
import shlex
import subprocess
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from hub_ext.cli.app import NOUNS, HubExtCommand, Noun
from hub_ext.cli.setup.layout import CHECKOUT
from hub_ext.config import HubExt
from tests.guest.__main__ import SELECTIONS

MOST_LINES = 400
# Every machine has package sources of its own. In pieces, so that this file names none of them.
REGISTRIES = tuple(
    ".".join(pieces)
    for pieces in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs"),
        ("npmjs", "com"),
        ("registry", "yarnpkg"),
        ("deb", "debian", "org"),
        ("debian", "org/debian"),
        ("snapshot", "debian"),
        ("docker", "io/"),
        ("quay", "io"),
        ("ghcr", "io"),
        ("cran", "r-project"),
        ("conda", "anaconda"),
        ("archive", "ubuntu"),
    )
)


@cache
def tracked() -> tuple[Path, ...]:
    """The files that git keeps, those that it would keep included."""
    listed = subprocess.run(
        ["git", "-C", str(CHECKOUT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (CHECKOUT / name for name in listed.stdout.split("\0") if name)
    return tuple(path for path in paths if path.is_file())


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize("host", REGISTRIES)
def test_no_package_registry_is_named(host: str) -> None:
    named = [str(path.relative_to(CHECKOUT)) for path in tracked() if host in text(path)]
    assert named == []


def test_no_file_is_too_long() -> None:
    lengths = {path: len(text(path).splitlines()) for path in (CHECKOUT / "hub_ext").rglob("*.py")}
    assert {str(path): lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    words = re.compile(r"\bpytest\.(mark\.)?(skip|skipif|xfail|importorskip)\b")
    found = [
        str(path)
        for path in (CHECKOUT / "tests").rglob("*.py")
        if path != Path(__file__) and words.search(text(path))
    ]
    assert found == []


@pytest.mark.parametrize("name", sorted(HubExt.class_own_traits(config=True)))
def test_every_setting_says_what_it_is(name: str) -> None:
    about = HubExt.class_own_traits()[name].help
    assert about.endswith(".") or about, name
    assert len(about.split()) >= 2 or '"' in about


def documents() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


def test_make_words_in_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text(CHECKOUT / "Makefile"), re.MULTILINE))
    asked = {
        (path.name, word)
        for path in documents()
        for word in re.findall(r"(?:`|\n(?: {4}|\$ )?(?:sudo )?)(?:[A-Z_]+=\S+ )*make ([a-z-]+)", text(path))
    }
    assert asked, "no document says how to begin"
    assert {(name, word) for name, word in asked if word not in targets} == set()


def test_commands_in_documents_exist() -> None:
    unknown = []
    asked = 0
    for path in documents():
        for words in re.findall(r"hub-ext ([a-z][a-z-]*(?: [a-z][a-z-]*)?)", code(text(path))):
            asked += 1
            if not is_command(*words.split()):
                unknown.append(f"{path.name}: hub-ext {words}")
    assert asked, "no document names a command"
    assert unknown == []


def typed_commands() -> list[tuple[str, str]]:
    """Every command line of `hub-ext` in a document's console blocks: the document and the line."""
    found = []
    for path in documents():
        for block in re.findall(r"```console\n(.*?)```", text(path), re.DOTALL):
            lines = block.replace("\\\n", " ").splitlines()
            found += [(path.name, line) for line in lines if re.match(r"(\S*/)?hub-ext ", line)]
    return found


def test_there_are_commands_to_type() -> None:
    assert len(typed_commands()) > 10


@pytest.mark.parametrize(("document", "line"), typed_commands())
def test_commands_in_documents_are_typed_in_full(document: str, line: str) -> None:
    # Raises UsageError for an unknown option, a missing one, or an argument too many.
    HubExtCommand().initialize(shlex.split(line, comments=True)[1:])


def code(document: str) -> str:
    """What stands between backticks or in indented or fenced blocks."""
    fenced = re.findall(r"```.*?\n(.*?)```", document, re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", document, flags=re.DOTALL))
    return "\n".join([*fenced, *inline])


def is_command(noun: str, verb: str = "") -> bool:
    """Whether `hub-ext noun verb` is one; after a noun without verbs comes an argument."""
    targets = {word: target for word, target, _ in NOUNS}
    if noun not in targets:
        return False
    module, _, name = targets[noun].rpartition(".")
    made = getattr(import_module(module), name)
    if not issubclass(made, Noun):
        return True
    return not verb or verb in {word for word, *_ in made.verbs}


def test_scripts_can_be_run() -> None:
    scripts = [path for path in tracked() if path.suffix in ("", ".sh") and text(path).startswith("#!")]
    assert CHECKOUT / "deploy/bootstrap" in scripts
    assert [str(path) for path in scripts if not path.stat().st_mode & 0o111] == []


def test_what_the_guest_runs_is_there() -> None:
    named = [words.partition("::")[0] for selection in SELECTIONS for words in selection]
    assert [path for path in named if not (CHECKOUT / path).exists()] == []


def test_ci_calls_make_test_and_nothing_else() -> None:
    lines = [line for line in text(CHECKOUT / ".ci/run").splitlines() if line and not line.startswith("#")]
    assert lines[-1] == "exec make test"
    assert {line.split()[0] for line in lines} == {"set", "cd", "exec"}
