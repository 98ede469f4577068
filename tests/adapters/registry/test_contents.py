"""The list of packages in a layer: found where it is, and nothing that somebody made to harm is unpacked."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib

import pytest

from hub_ext.adapters.registry import contents
from hub_ext.adapters.registry.contents import MEMBERS, PATH, UNPACKED_BYTES, packages_in

GOOD = {"hub_ext_packages": 1, "python": {"pandas": "3.0"}, "server": {"jupyterlab": "4.5"}}
FOUND = {"python": {"pandas": "3.0"}, "server": {"jupyterlab": "4.5"}}


def layer(
    text: str = json.dumps(GOOD), name: str = PATH, before: int = 0, kind: bytes = tarfile.REGTYPE
) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for number in range(before):
            tar.addfile(tarfile.TarInfo(f"etc/{number}"))
        entry = tarfile.TarInfo(name)
        entry.type, entry.size, entry.linkname = kind, len(text.encode()), "/etc/passwd"
        tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


@pytest.mark.parametrize("name", [PATH, f"./{PATH}", f"/{PATH}"])
def test_it_is_found_packed_or_not(name: str) -> None:
    assert packages_in(layer(name=name)) == FOUND
    assert packages_in(gzip.compress(layer(name=name))) == FOUND
    assert packages_in(layer(json.dumps(GOOD | {"more": "kinds to come"}))) == FOUND


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 10_000,
        json.dumps(GOOD | {"hub_ext_packages": 2}),
        json.dumps({"hub_ext_packages": 1}),
        json.dumps(GOOD | {"python": ["pandas"]}),
        json.dumps(GOOD | {"python": {"pandas": 3}}),
        json.dumps(GOOD | {"python": {"pan\ndas": "3"}}),
        json.dumps(GOOD | {"python": {"pandas": "3" * 201}}),
        json.dumps(GOOD | {"python": {str(number): "1" for number in range(20_001)}}),
    ],
)
def test_what_is_no_such_list_says_nothing(text: str) -> None:
    assert packages_in(layer(text)) is None


def test_other_layers_say_nothing() -> None:
    assert packages_in(layer(name="opt/hub-ext/other.json")) is None
    assert packages_in(layer(name=f"a/../../{PATH}")) is None
    assert packages_in(layer(kind=tarfile.SYMTYPE)) is None
    assert packages_in(layer(before=MEMBERS)) is None, "a list stands alone in its layer"
    assert packages_in(layer()[:540]) is None
    assert packages_in(b"\x1f\x8bno gzip") is None
    assert packages_in(b"\x28\xb5\x2f\xfd of another kind") is None


def test_a_bomb_is_left_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mebibyte that would be a gibibyte: no more than the bound is ever unpacked."""
    unpacked = []
    real = zlib.decompressobj

    class Watched:
        def __init__(self, kind: int) -> None:
            self.inner = real(kind)

        def decompress(self, data: bytes, most: int) -> bytes:
            made = self.inner.decompress(data, most)
            unpacked.append(len(made))
            return made

        @property
        def unconsumed_tail(self) -> bytes:
            return self.inner.unconsumed_tail

    monkeypatch.setattr(contents.zlib, "decompressobj", Watched)
    assert packages_in(gzip.compress(layer())) == FOUND, "positive control"
    assert packages_in(gzip.compress(bytes(64 * UNPACKED_BYTES), 1)) is None
    assert max(unpacked) == UNPACKED_BYTES
