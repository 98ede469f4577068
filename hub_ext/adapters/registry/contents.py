"""The list of packages that an image brings, found in its last small layers.

Everything here comes from whoever pushed the image: it is unpacked in memory only, within bounds.
"""

from __future__ import annotations

import io
import json
import posixpath
import tarfile
import zlib
from typing import Any

from hub_ext.model.image_contents import KINDS, Packages
from hub_ext.model.text import visible
from hub_ext.settings import MIB

PATH = "opt/hub-ext/packages.json"
FORM = 1
# The list is made by one of the last steps of a Dockerfile, in a layer of its own.
LAST_LAYERS = 6
LAYER_BYTES = MIB
UNPACKED_BYTES = 8 * MIB
MEMBERS = 200
MOST_PACKAGES, MOST_CHARACTERS = 20_000, 200
_GZIP = 16 + zlib.MAX_WBITS


def packages_in(layer: bytes) -> Packages | None:
    """The list in a layer (tar, perhaps with gzip); None where there is none, or none that can be read."""
    try:
        with tarfile.open(fileobj=io.BytesIO(_unpacked(layer)), mode="r:") as tar:
            for _ in range(MEMBERS):
                member = tar.next()
                if member is None:
                    return None
                if member.isreg() and posixpath.normpath(member.name).lstrip("/") == PATH:
                    file = tar.extractfile(member)
                    return _packages(file.read(UNPACKED_BYTES)) if file else None
    except (tarfile.TarError, zlib.error, ValueError, RecursionError, OSError):
        return None
    return None


def _unpacked(layer: bytes) -> bytes:
    if not layer.startswith(b"\x1f\x8b"):
        return layer
    unpacker = zlib.decompressobj(_GZIP)
    unpacked = unpacker.decompress(layer, UNPACKED_BYTES)
    if unpacker.unconsumed_tail:
        raise ValueError("larger than a list of packages")
    return unpacked


def _packages(text: bytes) -> Packages | None:
    told = json.loads(text)
    if not isinstance(told, dict) or told.get("hub_ext_packages") != FORM:
        return None
    found = {kind: told[kind] for kind in KINDS if kind in told}
    if not found or not all(_usable(held) for held in found.values()):
        return None
    return found


def _usable(held: Any) -> bool:
    if not isinstance(held, dict) or len(held) > MOST_PACKAGES:
        return False
    return all(_word(name) and _word(version) for name, version in held.items())


def _word(text: Any) -> bool:
    return isinstance(text, str) and len(text) <= MOST_CHARACTERS and visible(text)
