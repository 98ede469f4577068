"""One process at a time prepares or runs a state's folder."""

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


@contextmanager
def held(layout: Layout) -> Iterator[None]:
    """Hold the state's lock. Raises SettingsError where another process has it."""
    layout.make()
    descriptor = _inherited(layout.lock_file)
    if descriptor is None:
        descriptor = os.open(layout.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingsError(
                f"hub-ext runs already from {layout.state}{_holder(layout.pid_file)}.",
                advice="Stop it (Ctrl-C where it runs), or use another state: HUB_EXT_STATE=/elsewhere.",
            ) from error
        layout.pid_file.write_text(f"{os.getpid()}\n", encoding="utf-8")
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
