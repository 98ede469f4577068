"""One process at a time prepares or runs a state's folder, and one at a time builds its images."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub_ext.cli.setup.layout import Layout
from hub_ext.errors import SettingsError

# The bootstrap script takes the lock and hands over its descriptor, so that there is no moment without it.
DESCRIPTOR_VARIABLE = "HUB_EXT_LOCK_FD"


class Busy(SettingsError):
    """Another process holds the lock."""


@contextmanager
def held(layout: Layout) -> Iterator[None]:
    """Hold the state's lock. Raises Busy where another process has it."""
    layout.make()
    busy = Busy(
        f"hub-ext runs already from {layout.state}{_holder(layout.pid_file)}.",
        advice="Stop it (Ctrl-C where it runs), or use another state: HUB_EXT_STATE=/elsewhere.",
    )
    with _locked(layout.lock_file, layout.pid_file, busy, _inherited(layout.lock_file)):
        yield


@contextmanager
def building(layout: Layout) -> Iterator[None]:
    """Hold the lock of whoever builds this state's images. Raises Busy where another process has it."""
    layout.make()
    busy = Busy(
        f"The images of {layout.state} are being built already{_holder(layout.build_pid_file)}.",
        advice="Try again when that is done.",
    )
    with _locked(layout.build_lock_file, layout.build_pid_file, busy):
        yield


@contextmanager
def _locked(lock_file: Path, pid_file: Path, busy: Busy, descriptor: int | None = None) -> Iterator[None]:
    if descriptor is None:
        descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)  # who may read it may hold it for ever
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        pid_file.write_text(f"{os.getpid()}\n", encoding="utf-8")
        yield
    finally:
        os.close(descriptor)


def _inherited(lock_file: Path) -> int | None:
    text = os.environ.pop(DESCRIPTOR_VARIABLE, "")
    if not text.isdigit():
        return None
    try:
        same = os.path.samestat(os.fstat(int(text)), lock_file.stat())
    except OSError:
        return None
    if not same:
        return None
    os.set_inheritable(int(text), False)
    return int(text)


def _holder(pid_file: Path) -> str:
    try:
        return f" (process {int(pid_file.read_text(encoding='utf-8'))})"
    except (OSError, ValueError):
        return ""
