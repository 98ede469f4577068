"""The registry as set-up runs it: over TLS, with a password, and nowhere but on the gateway."""

from __future__ import annotations

import json
import socket
import ssl
import stat
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from hub_ext.cli.setup import registry as registry_setup
from hub_ext.cli.setup.children import ChildFailed
from hub_ext.cli.setup.layout import Layout
from hub_ext.settings import RegistrySettings
from tests.support.ports import free_port


def test_it_answers_with_our_account_only(registry: RegistrySettings, tmp_path: Path) -> None:
    assert registry_setup.answers(registry)
    wrong = tmp_path / "auth.json"
    wrong.write_text(json.dumps({"username": registry_setup.USERNAME, "password": "wrong"}))
    assert not registry_setup.answers(replace(registry, auth_file=wrong))


def test_it_answers_by_our_authority_only(registry: RegistrySettings) -> None:
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"https://{registry.address}/v2/", context=ssl.create_default_context())


def test_it_listens_on_the_gateway_only(registry: RegistrySettings) -> None:
    port = int(registry.address.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)


def test_what_is_secret_is_private(registry: RegistrySettings, layout: Layout) -> None:
    assert stat.S_IMODE(layout.secrets.stat().st_mode) == 0o700
    for path in layout.secrets.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_prepared_again_nothing_changes(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    registry_setup.prepare(layout, "10.212.0.1:20000")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    registry_setup.prepare(layout, "10.212.0.1:20000")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_lost_password_file_is_mended(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    known = registry_setup.prepare(layout, "127.0.0.1:0")
    (layout.secrets / "registry-auth.json").unlink()
    port = free_port()
    known = registry_setup.prepare(layout, f"127.0.0.1:{port}")
    child = registry_setup.run(layout, known)
    child.stop()
    assert not child.running


def test_a_taken_port_is_said_with_the_log(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        known = registry_setup.prepare(layout, f"127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(ChildFailed, match="address already in use") as failure:
            registry_setup.run(layout, known)
    assert str(layout.logs / "registry.log") in failure.value.advice


def test_one_that_was_killed_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(tmp_path)
    settings = registry_setup.prepare(layout, f"127.0.0.1:{free_port()}")
    running = registry_setup.Running(layout, registry_setup.run(layout, settings))
    try:
        assert not running.start_again()
        first = running.child.process
        first.kill()
        first.wait()
        assert not registry_setup.answers(settings)
        assert running.start_again()
        running.child.wait_ready(lambda: registry_setup.answers(settings), 20)
        assert running.child.process.pid != first.pid
        # One that ends at once is not started twice a second.
        running.child.stop()
        assert not running.start_again()
        monkeypatch.setattr(registry_setup.time, "monotonic", lambda: running._next_start)
        assert running.start_again()
    finally:
        running.child.stop()
