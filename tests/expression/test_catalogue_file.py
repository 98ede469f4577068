"""The catalogue's file: what is written is read as the same; what is no catalogue is refused by its line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_ext.errors import InputError
from hub_ext.expression import units
from hub_ext.expression.catalogue_file import MOST_BYTES, written
from hub_ext.expression.catalogue_reading import read
from hub_ext.model import Ceilings, ImageEntry, ImageState, Localised, Stated
from hub_ext.model.interfaces import (
    COMMAND,
    JUPYTER,
    Interface,
    InterfaceKind,
    Poll,
    PrefixHandling,
    SecretPlace,
    SecretScheme,
)
from hub_ext.model.text import visible

WHEN = datetime(1970, 1, 1, tzinfo=UTC)
ODD = ("yes", "no", "null", "~", "1", "1e3", "0x1F", "a: b", "# no", "- x", "'", '"', "é à ç", "مرحبا", "{a}")
ODD += ("*a", "&a", "!x", "%", "@", "a  b", "1:30", "2026-11-24", "<<", "=", "😀", "a\N{NO-BREAK SPACE}: b")
LETTERS = st.text(max_size=150).map(lambda text: "".join(one for one in text if visible(one)))
LINES = st.sampled_from(ODD) | LETTERS.map(str.strip)
SLUGS = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)
DIGESTS = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)
BOTH = st.builds(Localised, LINES, LINES)
NAMES = LINES.filter(bool)
CEILINGS = st.builds(
    Ceilings,
    cpus=st.none() | st.floats(min_value=1e-9, max_value=1e6),
    mem_bytes=st.none() | st.integers(1, 2**60) | st.integers(1, 4096).map(lambda n: n * 2**29),
    gpus=st.none() | st.integers(0, 64),
    idle_seconds=st.none() | st.integers(1, 10**8),
)
POLLS = st.builds(Poll, st.lists(NAMES, max_size=2).map(tuple), LINES)
INTERFACES = st.sampled_from((JUPYTER, COMMAND)) | st.builds(
    Interface,
    kind=st.sampled_from(InterfaceKind),
    command=st.lists(LINES, max_size=4).map(tuple) | st.just(("jupyter-lab",)),
    port=st.integers(0, 65535),
    prefix=st.sampled_from(PrefixHandling),
    ready_path=LINES,
    polls=st.lists(POLLS, max_size=2).map(tuple) | st.just(JUPYTER.polls),
    secret=st.builds(SecretPlace, LINES, st.sampled_from(SecretScheme)),
)


@st.composite
def stated(draw: st.DrawFn) -> Stated:
    known = draw(st.dictionaries(st.integers(1, 10**6), DIGESTS, max_size=3))
    states = list(ImageState) if known else [ImageState.DRAFT, ImageState.RETIRED]
    state = draw(st.sampled_from(states))
    numbers = st.sampled_from(sorted(known)) if known else st.just(0)
    ended = state in (ImageState.DEPRECATED, ImageState.RETIRED)
    entry = ImageEntry(
        slug=draw(SLUGS),
        title=draw(BOTH),
        description=draw(BOTH),
        alias=draw(NAMES),
        path=draw(NAMES),
        tag=draw(NAMES),
        created=WHEN,
        state=state,
        revision=0 if state is ImageState.DRAFT else draw(numbers),
        version=0,
        projects=tuple(draw(st.lists(SLUGS, max_size=3, unique=True))),
        ceilings=draw(CEILINGS),
        interface=draw(INTERFACES),
        start_url=draw(NAMES),
        needs_gpu=draw(st.booleans()),
        allowed_env=tuple(draw(st.lists(NAMES, max_size=2))),
        successor=draw(st.none() | SLUGS) if ended else None,
    )
    return Stated(entry, tuple(sorted(known.items())))


@settings(max_examples=150)
@given(st.lists(stated(), max_size=3, unique_by=lambda one: one.entry.slug))
def test_what_is_written_is_read_as_the_same(wanted: list[Stated]) -> None:
    text = written(wanted)
    held = read(text.encode())
    found = [(one.entry, one.revisions) for one in held]
    assert found == [(one.entry, one.revisions) for one in sorted(wanted, key=lambda one: one.entry.slug)]
    # Any other reader of YAML sees the same texts, and git sees nothing where nothing changed.
    for one in wanted:
        assert yaml.safe_load(text)["images"][one.entry.slug]["title"]["en"] == one.entry.title.en
    assert written(reversed(held)) == text


@given(st.integers(0, 2**60))
def test_sizes_and_times_are_exact(number: int) -> None:
    assert units.size_read(units.size_written(number)) == number
    assert units.time_read(units.time_written(number)) == number


def test_units_are_those_that_people_write() -> None:
    assert units.size_written(8 * 1024**3) == "8 GiB"
    assert units.size_written(1536 * 1024**2) == "1.5 GiB"
    assert units.size_read("512M") == 512 * 1024**2
    assert (units.time_written(1800), units.time_written(8 * 3600), units.time_written(90)) == (
        "30 min",
        "8 h",
        "90 s",
    )
    for text in ("8 GB", "8", "GiB", "-1 GiB", "1e3 GiB", "0.3 B", "8 GiB extra"):
        with pytest.raises(InputError):
            units.size_read(text)


GOOD = """\
hub_ext_catalogue: 1
images:
  python:
    title: {en: yes, fr: "oui : python"}
    registry: main
    path: hub-ext/python
    tag: 1
    state: draft
"""


def test_a_file_as_people_write_it() -> None:
    (one,) = read(GOOD.replace("\n", "\r\n").encode("utf-8-sig"))
    assert (one.entry.title, one.entry.tag) == (Localised("yes", "oui : python"), "1")
    assert (one.entry.start_url, one.line, one.revisions) == ("/lab", 4, ())
    assert read(b"hub_ext_catalogue: 1\nimages:\n") == ()
    nulls = read((GOOD + "    successor: null\n    ceilings: {gpus: ~}\n").encode())[0].entry
    assert (nulls.successor, nulls.ceilings) == (None, Ceilings())


def interface_in(text: str) -> Interface:
    (one,) = read((GOOD + text).encode())
    return one.entry.interface


def test_an_interface_is_a_word_or_what_differs() -> None:
    assert interface_in("") == interface_in("    interface: jupyter\n") == JUPYTER
    written_out = """\
    interface:
      kind: command
      command: [rserver, '--www-port={port}']
      port: 8787
      polls:
      - path: events/.*
      secret: {variable: PASSWORD}
"""
    assert interface_in(written_out) == replace(
        COMMAND,
        command=("rserver", "--www-port={port}"),
        port=8787,
        polls=(Poll(("GET", "HEAD"), "events/.*"),),
        secret=SecretPlace("PASSWORD", SecretScheme.NONE),
    )
    (one,) = read((GOOD + written_out).encode())
    assert one.entry.start_url == "/"
    text = written([one])
    assert "port: 8787" in text
    assert "prefix" not in text  # as usual
    assert "interface: jupyter\n" in written(read(GOOD.encode()))


def test_a_file_of_before_still_names_images_that_were_built_here() -> None:
    interface = interface_in("    interface: jupyterlab\n")
    assert interface == replace(JUPYTER, command=("/opt/hub-ext/start", "jupyter-lab"))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("catalogue: 1", "catalogue: 2", "Line 1: .* '2'"),
        ("    tag: 1", "    tug: 1", "Line 7: python knows no 'tug'"),
        ("    tag: 1", "    tag: [1]", "Line 7: .*text"),
        ("    tag: 1", "    path: x\n    tag: 1", "Line 7: 'path' stands twice"),
        ("    path: hub-ext/python\n", "", "lacks path"),
        ("draft", "ready", "Line 8: There is no state 'ready'"),
        ("draft", "published", "does not say which revision"),
        ("draft", "draft\n    revision: 1", "Line 9: python is a draft"),
        ("draft", "draft\n    revisions: {1: latest}", "Line 9: 'latest' is no digest"),
        ("draft", "draft\n    revisions: {x: latest}", "Line 9: 'x' is not a whole"),
        ("draft", "draft\n    needs_gpu: yes", "Line 9: 'yes' is neither"),
        ("draft", "draft\n    successor: r", "Line 9: python is draft and needs no successor"),
        ("draft", "draft\n    projects: onco", "Line 9: projects must be a list"),
        ("draft", "draft\n    interface: rstudio", "Line 9: There is no interface 'rstudio'"),
        ("draft", "draft\n    interface: {port: 1}", "Line 9: interface of python lacks kind"),
        ("draft", "draft\n    interface: {kind: shiny}", "Line 9: 'shiny' cannot .*jupyter, command"),
        ("draft", "draft\n    interface: {kind: command, image: x}", "Line 9: .* knows no 'image'"),
        ("draft", "draft\n    interface: {kind: command, command: a b}", "Line 9: command must be a list"),
        ("draft", "draft\n    interface: {kind: command, polls: [{methods: [GET]}]}", "lacks path"),
        ("draft", "draft\n    interface: {kind: command, port: http}", "Line 9: 'http' is not a whole"),
        ("draft", "draft\n    allowed_env: LD_LIBRARY_PATH", "Line 9: allowed_env must be a list"),
        ("draft", "draft\n    ceilings: {memory: 8 GB}", "Line 9: '8 GB' is not a size"),
        ("draft", "draft\n    ceilings: {cpus: nan}", "Line 9: 'nan' is not a number"),
        ("  python:", "  Py thon:", "cannot be a slug"),
        ("main", "&a main", "Line 5: Anchors"),
        ("main", "*a", "Line 5: Anchors"),
        ("main", "!!python/object/apply:os.system [id]", "Line 5: Tags"),
        ("main", "'main", "cannot be read"),
        ("main", "[" * 40 + "]" * 40, "Line 5: .*too deeply"),
        ("images:", "images: {}\n---\nimages:", "Line 3: A second document"),
    ],
)  # fmt: skip
def test_what_is_no_catalogue_is_refused_by_its_line(old: str, new: str, sentence: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError, match=sentence):
        read(GOOD.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"\x00", "Line 1"),
        (b"a: \xff", "Line 1: This is not UTF-8"),
        (b"[" * 100_000, "too deeply"),
        (b"a" * (MOST_BYTES + 1), "KiB"),
        (b"- 1", "names with values"),
    ],
)
def test_odd_bytes_are_refused(content: bytes, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read(content)
