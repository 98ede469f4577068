"""An engine of hub-ext's own, as in a checkout of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_ext.cli.setup import choices
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.private_engine import PrivateEngine

PROGRAMS = (
    "dockerd",
    "containerd",
    "containerd-shim-runc-v2",
    "runc",
    "docker",
    "docker-init",
    "docker-proxy",
)


@pytest.fixture
def own(docker: EngineFacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateEngine]:
    """An engine beside the one of this run, of the same programs."""
    programs = tmp_path / "programs"
    for folder in ("usr/bin", "usr/sbin"):
        (programs / folder).mkdir(parents=True)
    for name in PROGRAMS:
        program = shutil.which(name)
        if program is not None:
            (programs / ("usr/sbin" if name == "dockerd" else "usr/bin") / name).symlink_to(program)
    monkeypatch.setenv(choices.RUN_DIR_VARIABLE, f"/run/{tmp_path.name[-12:]}-{os.getpid()}")
    engine = PrivateEngine(tmp_path / "a rather long name of a folder" / "engine", programs)
    yield engine
    shutil.rmtree(choices.run_dir(), ignore_errors=True)
