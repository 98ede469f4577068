"""`hub-ext dataset` as a steward types it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub_ext.cli import sizes
from hub_ext.errors import InputError
from hub_ext.model import AuditEvent
from tests.cli.conftest import Terminal

Events = Callable[[], list[AuditEvent]]
MRI = ("dataset", "register", "mri", "--class", "identifying", "--title-en", "Brain MRI")


@pytest.fixture
def mri(typed: Terminal) -> Terminal:
    """The terminal, with a dataset and two folders of files."""
    typed.done("person", "add", "lise")
    typed.done(*MRI, "--contact", "mri@hospital.example", "--steward", "lise", "--read-gid", "5012")
    for name in ("one", "two"):
        folder = typed.folder / "data" / name
        folder.mkdir()
        (folder / "a.csv").write_text("id;age\n")
    return typed


def version(terminal: Terminal, name: str) -> tuple[str, ...]:
    return ("dataset", "version", "mri", str(terminal.folder / "data" / name), "--unchecked")


def test_register_change_list_end(mri: Terminal) -> None:
    shown = mri.read("dataset", "show", "mri")["dataset"]
    assert shown["title"] == {"en": "Brain MRI", "fr": "Brain MRI"}
    assert (shown["data_class"], shown["read_gids"]) == ("identifying", [5012])
    assert "stewards        lise" in mri.done("dataset", "show", "mri")

    mri.done(
        *("dataset", "register", "coded-mri", "--class", "coded", "--title-fr", "IRM codée"),
        *("--never-with", "identifying", "--never-with", "mri"),
    )
    mri.done(
        *("dataset", "register", "codes", "--class", "key", "--title-en", "Key", "--decodes", "coded-mri")
    )
    mri.done("dataset", "change", "mri", "--title-fr", "IRM", "--read-gid", "7", "--read-gid", "8")
    shown = mri.read("dataset", "show", "mri")["dataset"]
    assert shown["title"] == {"en": "Brain MRI", "fr": "IRM"}
    assert shown["read_gids"] == [7, 8]
    assert shown["contact"] == "mri@hospital.example"
    assert mri.read("dataset", "show", "coded-mri")["dataset"]["never_with"] == ["identifying", "mri"]
    mri.done("dataset", "change", "coded-mri", "--meets-all")
    assert mri.read("dataset", "show", "coded-mri")["dataset"]["never_with"] == []

    mri.done("dataset", "end", "codes", "--why", "destroyed")
    assert [known["slug"] for known in mri.read("dataset", "list")] == ["coded-mri", "mri"]
    assert len(mri.read("dataset", "list", "--all")) == 3


def test_versions_are_registered_checked_and_withdrawn(mri: Terminal, events: Events) -> None:
    assert "mri is now at version 1: 1 files, 7 B, manifest sha256:" in mri.done(*version(mri, "one"))
    assert events()[-1].facts["probed"] is False
    assert "versions never change" in mri.refused(*version(mri, "one"))
    mri.done(*version(mri, "two"))
    assert [known["state"] for known in mri.read("dataset", "show", "mri")["versions"]] == [
        "superseded",
        "current",
    ]
    assert "7 B" in mri.done("dataset", "list")

    assert "Version 2 of mri is whole" in mri.done("dataset", "check", "mri")
    (mri.folder / "data" / "one" / "a.csv").write_text("ID;age\n")
    mri.done("dataset", "check", "mri")
    answer = mri("dataset", "check", "mri", "--version", "1")
    assert (answer.status, answer.out) == (1, "")
    assert "changed  a.csv" in answer.err

    assert "withdrawn" in mri.done("dataset", "withdraw", "mri", "2", "--why", "wrong files")
    assert "no current version" in mri.refused("dataset", "check", "mri")


def test_many_differences_are_counted(mri: Terminal) -> None:
    mri.done(*version(mri, "one"))
    for number in range(30):
        (mri.folder / "data" / "one" / f"{number:02}").write_text("x")
    said = mri.refused("dataset", "check", "mri").splitlines()
    assert said[1] == "  added    00"
    assert said[-1] == "  … and 10 more"


def test_terms_are_written_and_shown(mri: Terminal, events: Events) -> None:
    said = mri.done("dataset", "terms", "mri")
    assert "version  -" in said
    for name, text in (("en", "Copy nothing.\nName nobody.\n"), ("fr", "Ne rien copier.\n")):
        (mri.folder / name).write_text(text)
    words = ("dataset", "terms", "mri", "--english", str(mri.folder / "en"))
    assert mri(*words).status == 2
    french = ("--french", str(mri.folder / "fr"))
    assert "Version 1 of the terms of mri" in mri.done(*words, *french, "--on-behalf-of", "lise")
    assert (events()[-1].verb, events()[-1].subject) == ("terms.added", "mri")
    assert "Name nobody." in mri.done("dataset", "terms", "mri")
    assert mri.read("dataset", "terms", "mri")["terms"]["text"]["fr"] == "Ne rien copier."
    assert "already" in mri.refused(*words, *french)
    (mri.folder / "fr").write_bytes(b"\xff\xfe")
    assert "UTF-8" in mri.refused(*words, *french)
    (mri.folder / "fr").write_bytes(b"x" * 2**20)
    assert "too long" in mri.refused(*words, *french)
    assert "No such file" in mri.refused(*words, "--french", str(mri.folder / "none"))


def test_what_nobody_mounted_was_shown_to_nobody(mri: Terminal) -> None:
    mri.done(*version(mri, "one"))
    assert "No session and no volume" in mri.done("dataset", "exposed", "mri")
    assert mri.read("dataset", "exposed", "mri", "--version", "1") == []
    assert "no dataset" in mri.refused("dataset", "exposed", "ct")


def test_without_a_seed_image_readability_is_not_guessed(mri: Terminal, events: Events) -> None:
    before = len(events())
    assert "seed_image" in mri.refused("dataset", "version", "mri", str(mri.folder / "data" / "one"))
    assert len(events()) == before


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("dataset", "register", "ct", "--title-en", "x"), 2, "--class"),
        (("dataset", "register", "ct", "--class", "secret"), 2, "--class"),
        (("dataset", "register", "ct", "--class", "open"), 1, "title is empty"),
        ((*MRI[:4], "open", "--title-en", "x"), 1, "already"),
        (
            ("dataset", "register", "ct", "--class", "open", "--title-en", "x", "--read-gid", "staff"),
            2,
            "not a number",
        ),
        (
            ("dataset", "register", "ct", "--class", "open", "--title-en", "x", "--never-with", "cat"),
            1,
            "neither another dataset nor a class",
        ),
        (
            ("dataset", "register", "ct", "--class", "open", "--title-en", "x", "--steward", "bob"),
            1,
            "no person",
        ),
        (("dataset", "show", "ct"), 1, "no dataset"),
        (("dataset", "change", "mri"), 1, "changes nothing"),
        (("dataset", "version", "mri", "/etc", "--unchecked"), 1, "does not lie below"),
        (("dataset", "version", "mri", "/nowhere", "--unchecked"), 1, "no folder"),
        (("dataset", "check", "mri"), 1, "no current version"),
        (("dataset", "withdraw", "mri", "one", "--why", "x"), 2, "not a number"),
        (("dataset", "withdraw", "mri", "1", "--why", "x"), 1, "no version 1"),
        (("dataset", "end", "mri"), 2, "--why"),
    ],
)
def test_what_cannot_be_done_is_said(
    mri: Terminal, events: Events, words: tuple[str, ...], status: int, said: str
) -> None:
    before = len(events())
    answer = mri(*words)
    assert (answer.status, answer.out) == (status, "")
    assert said in answer.err
    assert len(events()) == before


def test_sizes_are_read_and_shown() -> None:
    assert [sizes.parse(text) for text in ("7", "1K", "1.5g", "2 GiB", "512MB")] == [
        7,
        1024,
        1536 * 1024**2,
        2 * 1024**3,
        512 * 1024**2,
    ]
    assert [sizes.shown(size) for size in (None, 0, 1023, 1024, 1536 * 1024**2)] == [
        "-",
        "0 B",
        "1023 B",
        "1.0 KiB",
        "1.5 GiB",
    ]
    for text in ("", "-1", "1X", "G", "1e9"):
        with pytest.raises(InputError, match="not a size"):
            sizes.parse(text)
