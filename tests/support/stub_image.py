"""An image whose server only answers, made from this machine's own Python: seconds instead of minutes.

For what is about launches and not about notebooks. What a notebook does is tested with the real images.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Collection, Mapping
from pathlib import Path

from hub_ext.settings import RegistrySettings

BEHAVIOURS = ("answer", "die", "hang", "memory", "stubborn")
CHECKS = ("fail", "hang", "bare")
_LEFT_OUT = (
    "test",
    "idlelib",
    "tkinter",
    "lib2to3",
    "ensurepip",
    "site-packages",
    "dist-packages",
    "__pycache__",
)


def push(registry: RegistrySettings, engine_url: str, *, docker_config: Path) -> dict[str, str]:
    """The digest of each behaviour's image, pushed as HOST:PORT/stub/BEHAVIOUR; not left on the engine."""
    layer = _layer()
    return {
        behaviour: _push(registry, engine_url, docker_config, layer, behaviour, STUB=behaviour)
        for behaviour in BEHAVIOURS
    }


def push_check_stubs(
    registry: RegistrySettings, engine_url: str, *, docker_config: Path, only: Collection[str] = CHECKS
) -> dict[str, str]:
    """The same of images whose server answers, and whose smoke test does that; "bare" has none."""
    layers = {has: _layer(smoke=has) for has in {name != "bare" for name in only}}
    return {
        f"smoke-{name}": _push(
            *(registry, engine_url, docker_config, layers[name != "bare"], f"smoke-{name}"), STUB_SMOKE=name
        )
        for name in only
    }


def _push(
    registry: RegistrySettings, engine_url: str, config: Path, layer: bytes, path: str, **env: str
) -> str:
    name = f"{registry.address}/stub/{path}:1"
    command = [
        "import",
        "--change",
        "USER 65534:65534",
        "--change",
        "ENV PATH=/opt/hub-ext/bin:/usr/bin:/bin",
    ]
    command += ["--change", 'CMD ["/opt/hub-ext/start", "jupyter-lab"]']
    for variable, value in env.items():
        command += ["--change", f"ENV {variable}={value}"]
    _docker(engine_url, [*command, "-", name], config, said=layer)
    _docker(engine_url, ["push", "-q", name], config)
    told = _docker(engine_url, ["inspect", "--format", "{{index .RepoDigests 0}}", name], config)
    _docker(engine_url, ["rmi", "-f", name], config)
    return told.decode().strip().rpartition("@")[2]


def remove(registry: RegistrySettings, engine_url: str, digests: Mapping[str, str]) -> None:
    """Takes from the engine what launches pulled; with it goes what is left of their containers."""
    for behaviour, digest in digests.items():
        name = f"{registry.address}/stub/{behaviour}@{digest}"
        subprocess.run(["docker", "--host", engine_url, "rmi", "-f", name], capture_output=True)


def _docker(engine_url: str, command: list[str], config: Path, *, said: bytes | None = None) -> bytes:
    done = subprocess.run(
        ["docker", "--config", str(config), "--host", engine_url, *command], input=said, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def _layer(*, smoke: bool = True) -> bytes:
    python = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    told = subprocess.run(["ldd", python], capture_output=True, text=True, check=True).stdout
    files = {python, *map(Path, re.findall(r"(/\S+) \(0x", told))}
    files |= {
        path
        for path in library.rglob("*")
        if path.is_file() and not set(path.relative_to(library).parts) & set(_LEFT_OUT)
    }
    start = f"#!{python}\n{Path(__file__).with_name('stub_server.py').read_text()}".encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", dereference=True) as tar:
        for path in sorted(files):
            _add(tar, str(path), path.read_bytes(), path.stat().st_mode & 0o755)
        programs = ["start", "bin/jupyter-lab", *(["smoke"] if smoke else [])]
        for program in programs:
            _add(tar, f"/opt/hub-ext/{program}", start, 0o755)
        for folder in ("tmp", "run", "data", "project", "home/jovyan", "etc"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
    return packed.getvalue()


def _tar(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            _add(tar, name, content.encode(), 0o755)
    return packed.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name.lstrip("/"))
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def change(
    registry: RegistrySettings,
    engine_url: str,
    digest: str,
    name: str,
    *,
    docker_config: Path,
    files: Mapping[str, str] = {},
    of: str = "stub/answer",
) -> str:
    """Pushes the image `of` as `name` ("PATH:TAG") with a layer of its own, of `files`; its digest."""
    source, target = f"{registry.address}/{of}@{digest}", f"{registry.address}/{name}"
    _docker(engine_url, ["pull", "-q", source], docker_config)
    made = _docker(engine_url, ["create", source], docker_config).decode().strip()
    try:
        if files:
            _docker(engine_url, ["cp", "-", f"{made}:/"], docker_config, said=_tar(files))
        change = ["commit", "--change", f"ENV MADE_FROM={made}", made, target]
        _docker(engine_url, change, docker_config)
    finally:
        _docker(engine_url, ["rm", "-f", made], docker_config)
    try:
        _docker(engine_url, ["push", "-q", target], docker_config)
        told = _docker(engine_url, ["inspect", "--format", "{{json .RepoDigests}}", target], docker_config)
    finally:
        _docker(engine_url, ["rmi", "-f", target], docker_config)
    path = target.rpartition(":")[0]
    return next(one.rpartition("@")[2] for one in json.loads(told) if one.startswith(f"{path}@"))
