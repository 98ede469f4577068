"""Images made without a thought of this product, built from tests/support/foreign and pushed.

What the registry has already, which outlives a run, is not built again.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import subprocess
import tarfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import docker

from hub_ext.adapters.engine import Engine
from hub_ext.adapters.registry import RegistryClient
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.errors import ManifestUnknown
from hub_ext.settings import RegistrySettings, Settings

FOLDER = Path(__file__).with_name("foreign")
TARGETS = ("stack", "app")
_BUILD_SECONDS = 600


@dataclass
class ForeignImages:
    """Both images in a registry, as foreign/TARGET:TAG. `python` is where their packages come from."""

    registry: RegistrySettings
    settings: Settings
    python: BuiltImage
    docker_config: Path
    tag: str = ""
    digests: dict[str, str] = field(default_factory=dict)

    def ensure(self) -> None:
        """They are there; the engine keeps none of them under its tag."""
        content = hashlib.sha256(self.python.reference.digest.encode())
        for file in sorted(FOLDER.iterdir()):
            content.update(file.read_bytes())
        self.tag = content.hexdigest()[:12]
        self.digests = asyncio.run(self._found())
        if set(self.digests) == set(TARGETS):
            return
        lab = f"{self.registry.address}/{self.python.reference.path}"
        asyncio.run(self._pull(lab, self.python.reference.digest))
        client: Any = docker.APIClient(
            base_url=self.settings.engine_url, timeout=_BUILD_SECONDS, version="auto"
        )
        names = [f"{self.registry.address}/foreign/{target}:{self.tag}" for target in TARGETS]
        try:
            for target, name in zip(TARGETS, names, strict=True):
                _build(client, target, name, f"{lab}@{self.python.reference.digest}")
                self._docker("push", "-q", name)
        finally:
            client.close()
            self._docker("rmi", "-f", *names, check=False)
        self.digests = asyncio.run(self._found())

    def remove(self) -> None:
        """Takes from the engine what launches pulled."""
        names = [
            f"{self.registry.address}/foreign/{target}@{digest}" for target, digest in self.digests.items()
        ]
        self._docker("rmi", "-f", *names, check=False)

    async def _found(self) -> dict[str, str]:
        found = {}
        async with RegistryClient(self.registry) as registry:
            for target in TARGETS:
                try:
                    found[target] = await registry.resolve(f"foreign/{target}", self.tag)
                except ManifestUnknown:
                    continue
        return found

    async def _pull(self, repository: str, digest: str) -> None:
        engine = Engine(replace(self.settings, registries=(self.registry,)))
        try:
            await engine.pull(repository, digest, registry=self.registry)
        finally:
            engine.close()

    def _docker(self, *words: str, check: bool = True) -> None:
        options = ["--config", str(self.docker_config), "--host", self.settings.engine_url]
        ended = subprocess.run(["docker", *options, *words], capture_output=True, text=True)
        assert not (check and ended.returncode), ended.stderr


def _build(client: Any, target: str, name: str, lab: str) -> None:
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        tar.add(FOLDER, arcname=".", filter=_without_times)
    context.seek(0)
    lines = []
    for line in client.build(
        fileobj=context,
        custom_context=True,
        tag=name,
        target=target,
        buildargs={"LAB": lab},
        network_mode="none",
        decode=True,
        rm=True,
        forcerm=True,
    ):
        lines.append(str(line.get("stream") or line.get("error") or ""))
        assert "error" not in line, "".join(lines)[-4000:]


def _without_times(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """So that the second image finds the steps of the first."""
    entry.mtime = 0
    return entry
