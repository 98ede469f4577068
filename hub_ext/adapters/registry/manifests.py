"""What registries say of images: manifests, indexes of manifests, image configurations.

Sources: OCI image and distribution specifications 1.1; Docker image manifest version 2, schema 2.
"""

from __future__ import annotations

import hashlib
import json
import platform as machine
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub_ext.errors import ManifestUnknown, RegistryError
from hub_ext.model import DIGEST
from hub_ext.phrase import Phrase

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEXES = (OCI_INDEX, DOCKER_LIST)
MANIFESTS = (OCI_MANIFEST, DOCKER_MANIFEST)

# Go's names, which images use, for the machine's names.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le"}


@dataclass(frozen=True, slots=True)
class Platform:
    """What an image runs on, in the words of image indexes."""

    os: str = "linux"
    architecture: str = "amd64"

    def __str__(self) -> str:
        return f"{self.os}/{self.architecture}"


def machine_platform() -> Platform:
    """The platform of this machine."""
    name = machine.machine()
    return Platform(architecture=ARCHITECTURES.get(name, name))


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer's compressed bytes."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image: its configuration and layers. `index_digest` names the index it was chosen from, if any."""

    digest: str
    media_type: str
    config_digest: str
    config_size: int
    layers: tuple[Layer, ...]
    index_digest: str = ""

    @property
    def total_bytes(self) -> int:
        """Bytes to pull at most: configuration and layers, compressed."""
        return self.config_size + sum(layer.size for layer in self.layers)


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How an image wants to be run. Absent texts are "", absent lists empty."""

    digest: str
    os: str = ""
    architecture: str = ""
    created: str = ""
    user: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    working_dir: str = ""
    healthcheck: bool = False
    history: tuple[str, ...] = ()


def digest_of(body: bytes) -> str:
    """The digest of these bytes."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def json_object(body: bytes, what: str | Phrase) -> dict[str, Any]:
    """The JSON object in a body. Raises RegistryError."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RegistryError("{what} is not JSON.", advice=_ASK, what=what) from error
    if not isinstance(value, dict):
        raise RegistryError("{what} is not a JSON object.", advice=_ASK, what=what)
    return value


def choose(index: dict[str, Any], platform: Platform, what: str | Phrase) -> str:
    """The digest of the index's manifest for that platform. Raises ManifestUnknown where it has none.

    Attestations that builders add have the platform unknown/unknown and are never chosen.
    """
    offered = []
    for entry in _list(index.get("manifests"), what):
        if not isinstance(entry, dict) or entry.get("mediaType", OCI_MANIFEST) not in MANIFESTS:
            continue
        on = entry.get("platform")
        on = on if isinstance(on, dict) else {}
        offered.append(f"{on.get('os')}/{on.get('architecture')}")
        if (on.get("os"), on.get("architecture")) == (platform.os, platform.architecture):
            return _digest(entry.get("digest"), what)
    known = tuple(sorted(set(offered) - {"unknown/unknown"}))
    raise ManifestUnknown(
        "{what} has no image for {platform} (it has: {known}).",
        advice="Build and push it for {platform}.",
        what=what,
        platform=str(platform),
        known=known or Phrase("none"),
    )


def parse_manifest(body: bytes, value: dict[str, Any], media_type: str, what: str | Phrase) -> Manifest:
    """The image manifest in a verified body. Raises RegistryError."""
    config = value.get("config")
    layers = _list(value.get("layers"), what)
    if not isinstance(config, dict) or not all(isinstance(layer, dict) for layer in layers):
        raise RegistryError("{what} names no configuration or odd layers.", advice=_ASK, what=what)
    return Manifest(
        digest_of(body),
        media_type,
        _digest(config.get("digest"), what),
        _size(config.get("size"), what),
        tuple(Layer(_digest(layer.get("digest"), what), _size(layer.get("size"), what)) for layer in layers),
    )


def media_type(header: str, value: dict[str, Any], what: str | Phrase) -> str:
    """The type that header and body agree on. Raises RegistryError: two readings of one digest are a trap.

    See CVE-2021-41190 and opencontainers/distribution-spec GHSA-mc8v-mgrf-8f4m.
    """
    said = header.partition(";")[0].strip().lower()
    inside = value.get("mediaType") or said
    if inside != said or ("manifests" in value and "layers" in value):
        raise RegistryError(
            "{what} is of two types at once.", advice="Build and push the image again.", what=what
        )
    if said not in INDEXES + MANIFESTS:
        raise RegistryError(
            "{what} has the type {said!r}, which is no image of today.",
            advice="Push it with Docker 1.10 or later.",
            what=what,
            said=said,
        )
    return said


def parse_config(body: bytes, what: str | Phrase) -> ImageConfig:
    """The image configuration in a verified body. Raises RegistryError."""
    value = json_object(body, what)
    config = value.get("config") or {}
    history = _list(value.get("history") or [], what)
    if not isinstance(config, dict):
        raise RegistryError("{what} is not an image configuration.", advice=_ASK, what=what)
    return ImageConfig(
        digest_of(body),
        os=_text(value.get("os")),
        architecture=_text(value.get("architecture")),
        created=_text(value.get("created")),
        user=_text(config.get("User")),
        env=dict(_pair(item) for item in _list(config.get("Env") or [], what)),
        labels=_texts(config.get("Labels")),
        entrypoint=_words(config.get("Entrypoint"), what),
        command=_words(config.get("Cmd"), what),
        volumes=tuple(sorted(_object(config.get("Volumes")))),
        working_dir=_text(config.get("WorkingDir")),
        healthcheck=bool(config.get("Healthcheck")),
        history=tuple(_text(step.get("created_by")) for step in history if isinstance(step, dict)),
    )


_ASK = "Push the image again; if it stays so, ask whoever runs the registry."


def _digest(value: Any, what: str | Phrase) -> str:
    if not isinstance(value, str) or not DIGEST.fullmatch(value):
        raise RegistryError("{what} holds an odd digest.", advice=_ASK, what=what)
    return value


def _size(value: Any, what: str | Phrase) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise RegistryError("{what} holds an odd size.", advice=_ASK, what=what)
    return value


def _list(value: Any, what: str | Phrase) -> list[Any]:
    if not isinstance(value, list):
        raise RegistryError("{what} lacks a list that every image has.", advice=_ASK, what=what)
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> dict[str, str]:
    return {str(key): _text(item) for key, item in _object(value).items()}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _words(value: Any, what: str | Phrase) -> tuple[str, ...]:
    # Before Docker 1.10 a command could be one string, run by a shell.
    return (value,) if isinstance(value, str) else tuple(map(str, _list(value or [], what)))


def _pair(item: Any) -> tuple[str, str]:
    name, _, value = str(item).partition("=")
    return name, value
