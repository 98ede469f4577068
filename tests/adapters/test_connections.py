"""Closing connections to a container that has gone never keeps its launch from ending."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_ext.adapters import connections
from hub_ext.adapters.connections import close_connections


def test_a_host_without_the_tool_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    close_connections("192.0.2.1")


def test_a_tool_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    called = tmp_path / "called"
    tool = tmp_path / "ss"
    tool.write_text(f"#!/bin/sh\n: >{called}\nexec /bin/sleep 60\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(connections, "_SECONDS", 0.5)
    close_connections("192.0.2.1")
    assert called.exists()


def test_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="notebook"):
        close_connections("notebook")
