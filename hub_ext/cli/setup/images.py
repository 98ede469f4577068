"""Builds, tests and pushes the images of this checkout: only what changed, each step told."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound

from hub_ext.adapters.registry import RegistryClient
from hub_ext.cli.setup import package_sources
from hub_ext.cli.setup.build_network import build_network
from hub_ext.cli.setup.layout import programs_dir
from hub_ext.cli.setup.recipes import Recipe, read_recipe, read_recipes, recipe_hash
from hub_ext.cli.setup.steps import Say
from hub_ext.errors import EngineError, ManifestUnknown
from hub_ext.model import ImageReference
from hub_ext.settings import RegistrySettings

REPOSITORY = "hub-ext"
LATEST = "latest"  # the tag that moves: what the catalogue's `refresh` looks at
ROOTFS_PACKAGES = (
    "ca-certificates",
    "less",
    "libc-l10n",
    "locales",
    "media-types",
    "netbase",
    "openssl",
    "procps",
    "python3",
    "python3-venv",
)
# Files of a root file system that only grow the image. Raise the number when what follows changes.
ROOTFS_FORM = "2"
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/var/cache/apt/*")
# What mmdebstrap leaves of this machine's package sources; and programs that would run as root.
_ROOTFS_HOOKS = (
    'rm -rf "$1"/etc/apt/sources.list* "$1"/etc/apt/apt.conf.d/99mmdebstrap',
    'mkdir "$1"/etc/apt/sources.list.d',
    'chroot "$1" find / -xdev -type f -perm /6000 -exec chmod a-s {} +',
)
_PLUGINS = (
    "/usr/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/local/lib/docker/cli-plugins",
)
_SECRETS = ("apt.list", "apt.conf", "pip.conf", "uv.toml", "ca.pem")
_SLOWEST_STEP_SECONDS = 1800
_COLOURS = re.compile(r"\x1b\[[\d;]*m")  # a traceback's, which a terminal is not shown
_SMOKE_UID, _SMOKE_GID = 23456, 34567  # nobody's


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image in the registry: its recipe, the tag of its content, the digest that the registry gives it.

    `pushed`: whether the registry learned something, were it only that LATEST now names this one.
    """

    recipe: Recipe
    tag: str
    reference: ImageReference
    pushed: bool


class BuildFailed(EngineError):
    """An image could not be built, failed its smoke test, or could not be pushed."""


def build_all(
    images_dir: Path,
    registry: RegistrySettings,
    *,
    engine_url: str,
    logs: Path,
    say: Say,
    slugs: Iterable[str] | None = None,
) -> dict[str, BuiltImage]:
    """Every image of the recipes, in the registry under a tag that is the hash of its content and LATEST.

    Where `slugs` are given: those, and what they are made FROM.
    What the registry has already is neither built nor pushed. Raises InputError for a bad recipe, BuildFailed
    with the last lines of the log, and the RegistryError tree.
    """
    builder = _Builder(registry, engine_url, logs, say)
    try:
        hashes = {"": _rootfs_hash()}
        built = {}
        for recipe in read_recipes(images_dir, slugs):
            hashes[recipe.slug] = recipe_hash(recipe, hashes[recipe.base])
            built[recipe.slug] = builder.ensure(recipe, hashes)
        return built
    finally:
        builder.close()


def _rootfs_hash() -> str:
    content = json.dumps([ROOTFS_FORM, package_sources.RELEASE, ROOTFS_PACKAGES, _LEFT_OUT, _ROOTFS_HOOKS])
    return hashlib.sha256(content.encode()).hexdigest()[:12]


class _Builder:
    def __init__(self, registry: RegistrySettings, engine_url: str, logs: Path, say: Say) -> None:
        self._registry = registry
        self._engine_url = engine_url
        self._logs = logs
        self._say = say
        self._client: Any = docker.APIClient(
            base_url=engine_url, timeout=_SLOWEST_STEP_SECONDS, version="auto"
        )
        self._secrets = Path(tempfile.mkdtemp(prefix="hub-ext-build-"))

    def close(self) -> None:
        self._client.close()
        shutil.rmtree(self._secrets)

    def ensure(self, recipe: Recipe, hashes: Mapping[str, str]) -> BuiltImage:
        tag = hashes[recipe.slug]
        path = f"{REPOSITORY}/{recipe.slug}"
        digest = asyncio.run(self._digest(path, tag))
        if digest is None:
            name = self._ensure_local(recipe, hashes)
            self._push(recipe.slug, name, path, tag)
            digest = asyncio.run(self._digest(path, tag))
        if digest is None:
            raise BuildFailed(f"The registry has no {path}:{tag} after its push.")
        moved = asyncio.run(self._move_latest(path, digest))
        return BuiltImage(recipe, tag, ImageReference(self._registry.alias, path, digest), moved)

    async def _move_latest(self, path: str, digest: str) -> bool:
        if await self._digest(path, LATEST) == digest:
            return False
        async with RegistryClient(self._registry) as registry:
            await registry.tag(path, digest, LATEST)
        return True

    async def _digest(self, path: str, tag: str) -> str | None:
        async with RegistryClient(self._registry) as registry:
            try:
                return await registry.resolve(path, tag)
            except ManifestUnknown:
                return None

    def _ensure_local(self, recipe: Recipe, hashes: Mapping[str, str]) -> str:
        """The image in the engine, built and tested where it is not there yet; its local name."""
        name = f"{REPOSITORY}/{recipe.slug}:{hashes[recipe.slug]}"
        if self._here(name):
            return name
        if recipe.base:
            parent = read_recipe(recipe.folder.parent / recipe.base)
            argument = f"BASE={self._ensure_local(parent, hashes)}"
        else:
            argument = f"ROOTFS={self._ensure_rootfs(hashes[''])}"
        # Tested under another name: a name with a hash says that the test was passed.
        trial = f"{REPOSITORY}/{recipe.slug}:trial-{os.getpid()}"
        self._say(f"Building image {recipe.slug}")
        self._build(recipe, argument, trial)
        self._say(f"Testing image {recipe.slug}")
        try:
            smoke_test(self._client, trial, recipe.folder)
            self._client.tag(trial, f"{REPOSITORY}/{recipe.slug}", hashes[recipe.slug])
        finally:
            self._client.remove_image(trial)
        return name

    def _here(self, name: str) -> bool:
        try:
            self._client.inspect_image(name)
        except ImageNotFound:
            return False
        return True

    def _ensure_rootfs(self, tag: str) -> str:
        name = f"{REPOSITORY}/rootfs:{tag}"
        if self._here(name):
            return name
        self._say("Making the root file system of the images from Debian's packages")
        self._write_secrets()
        tar = self._secrets / "rootfs.tar"
        self._run(
            "rootfs",
            [
                "mmdebstrap",
                "--variant=minbase",
                f"--include={','.join(ROOTFS_PACKAGES)}",
                *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
                *(f"--customize-hook={hook}" for hook in _ROOTFS_HOOKS),
                f"--aptopt={self._secrets / 'apt.conf'}",
                package_sources.RELEASE,
                str(tar),
                str(self._secrets / "apt.list"),
            ],
        )
        answer = self._client.import_image_from_file(str(tar), repository=f"{REPOSITORY}/rootfs", tag=tag)
        tar.unlink()
        if not self._here(name):
            raise BuildFailed(f"The engine did not take the root file system: {str(answer)[-300:]}.")
        return name

    def _build(self, recipe: Recipe, argument: str, name: str) -> None:
        self._write_secrets()
        secrets = [f"--secret=id={file},src={self._secrets / file}" for file in _SECRETS]
        command = [
            _buildx(),
            "build",
            "--progress=plain",
            "--load",
            "--provenance=false",
            f"--build-arg={argument}",
            f"--label=org.opencontainers.image.title={recipe.title.en}",
            f"--label=org.opencontainers.image.description={recipe.description.en}",
            f"--tag={name}",
            *secrets,
            str(recipe.folder),
        ]
        environment = {"DOCKER_HOST": self._engine_url, "BUILDX_CONFIG": str(self._secrets / "buildx")}
        with build_network(self._engine_url):
            self._run(recipe.slug, command, environment)

    def _write_secrets(self) -> None:
        if not (self._secrets / "apt.list").exists():
            package_sources.write_secrets(self._secrets)

    def _run(self, what: str, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"image-{what}.log"
        with log.open("wb") as output:
            ended = subprocess.run(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **(environment or {})},
                timeout=_SLOWEST_STEP_SECONDS,
                check=False,
            )
        if ended.returncode:
            tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
            raise BuildFailed(
                f"Image {what} could not be built:\n" + "\n".join(tail), advice=f"The whole log: {log}."
            )

    def _push(self, slug: str, name: str, path: str, tag: str) -> None:
        self._say(f"Pushing image {slug}")
        repository = f"{self._registry.address}/{path}"
        self._client.tag(name, repository, tag)
        try:
            auth = json.loads(self._registry.auth_file.read_text()) if self._registry.auth_file else None
            for line in self._client.push(repository, tag, stream=True, decode=True, auth_config=auth):
                if "error" in line:
                    raise BuildFailed(f"Image {slug} could not be pushed: {line['error']}.")
        except DockerException as error:
            raise BuildFailed(f"Image {slug} could not be pushed: {error}.") from error
        finally:
            self._client.remove_image(f"{repository}:{tag}")


def _buildx() -> str:
    unpacked = str(programs_dir() / "usr/libexec/docker/cli-plugins")
    for folder in (unpacked, *_PLUGINS):
        plugin = Path(folder) / "docker-buildx"
        if plugin.exists():
            return str(plugin)
    found = shutil.which("docker-buildx")
    if found is None:
        raise BuildFailed("There is no docker-buildx.", advice="Run `make run`, which unpacks it.")
    return found


def smoke_test(client: Any, image: str, folder: Path, *, seconds: int = 300) -> str:
    """What the image's own /opt/hub-ext/smoke printed, run hardened, without network, by a user nobody knows.

    Raises BuildFailed with its output where it fails; `folder` is where its recipe lies.
    """
    small = f"rw,nosuid,nodev,mode=1777,uid={_SMOKE_UID},gid={_SMOKE_GID},size=256m"
    host_config = client.create_host_config(
        network_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        mem_limit="2g",
        pids_limit=512,
        init=True,
        tmpfs={"/tmp": small, "/run": small, "/home/jovyan": small},  # noqa: S108
    )
    made = client.create_container(
        image,
        command=["/opt/hub-ext/start", "/opt/hub-ext/smoke"],
        entrypoint=[],
        user=f"{_SMOKE_UID}:{_SMOKE_GID}",
        host_config=host_config,
    )
    try:
        client.start(made["Id"])
        status = client.wait(made["Id"], timeout=seconds)["StatusCode"]
        output = client.logs(made["Id"]).decode(errors="replace").strip()
    except (APIError, OSError) as error:
        raise BuildFailed(f"The smoke test of {folder.name} could not be run: {error}.") from error
    finally:
        client.remove_container(made["Id"], force=True)
    if status:
        raise BuildFailed(
            f"The smoke test of {folder.name} failed:\n{_COLOURS.sub('', output)[-2000:]}",
            advice=f"Mend {folder / 'smoke'}, which must be executable (chmod +x), or what it tests.",
        )
    return str(output)
