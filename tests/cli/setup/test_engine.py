"""What an engine lacks is said with the commands that mend it; only an engine of ours is changed."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hub_ext.cli.setup import engine
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.layout import CHECKOUT
from hub_ext.errors import EngineUnreachable, SettingsError

GOOD = EngineFacts("unix:///x.sock", "26.1.5+dfsg1", managed=False, cdi=True, rootless=False)
ADDRESS = "10.212.0.1:20001"


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate to be trusted, and a folder of trusted ones that is not the machine's."""
    monkeypatch.setattr(engine, "CERTIFICATES", tmp_path / "certs.d")
    (tmp_path / "ca.crt").write_text("the certificate\n")
    return tmp_path / "ca.crt"


def test_the_real_engine_is_read(docker: EngineFacts) -> None:
    assert docker.recent
    assert docker.cdi
    assert docker.subnets


def test_good_enough() -> None:
    engine.check(GOOD)


@pytest.mark.parametrize("version", ["20.10.24", "25.0.5", "", "dev"])
def test_too_old(version: str) -> None:
    with pytest.raises(SettingsError, match="26 or newer is needed") as failure:
        engine.check(replace(GOOD, version=version))
    assert "\n    unset DOCKER_HOST" in failure.value.message


def test_without_cdi_the_commands_mend_the_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CDI") as failure:
        engine.check(replace(GOOD, cdi=False))
    mend, restart = [line.strip() for line in failure.value.message.splitlines() if line.startswith("    ")]
    assert restart == "systemctl restart docker"
    file = tmp_path / "daemon.json"
    for before in (None, '{"features": {"buildkit": true}, "debug": true}'):
        if before:
            file.write_text(before)
        subprocess.run(mend.replace("/etc/docker/daemon.json", str(file)), shell=True, check=True)  # noqa: S602
        assert '"cdi": true' in file.read_text()
    assert '"debug": true' in file.read_text()
    assert '"buildkit": true' in file.read_text()


def test_rootless() -> None:
    with pytest.raises(SettingsError, match="rootless"):
        engine.check(replace(GOOD, rootless=True))


def test_a_foreign_engine_is_told_how_to_trust(authority: Path) -> None:
    with pytest.raises(SettingsError, match="does not change it by itself") as failure:
        engine.ensure_trust(GOOD, ADDRESS, authority)
    assert not (authority.parent / "certs.d").exists()
    commands = [line for line in failure.value.message.splitlines() if line.startswith("    ")]
    subprocess.run("\n".join(commands), shell=True, check=True)  # noqa: S602
    engine.ensure_trust(GOOD, ADDRESS, authority)
    engine.remove_trust(GOOD, ADDRESS)
    assert (authority.parent / "certs.d" / ADDRESS / "ca.crt").exists()


def test_an_engine_of_ours_trusts_by_certificate(authority: Path) -> None:
    ours = replace(GOOD, managed=True)
    target = authority.parent / "certs.d" / ADDRESS / "ca.crt"
    for text in ("the certificate\n", "a renewed one\n"):
        authority.write_text(text)
        engine.ensure_trust(ours, ADDRESS, authority)
        assert target.read_text() == text
    engine.remove_trust(ours, ADDRESS)
    assert not target.parent.parent.exists()


def test_other_certificates_outlive_ours(authority: Path) -> None:
    ours = replace(GOOD, managed=True)
    other = authority.parent / "certs.d/registry.example/ca.crt"
    other.parent.mkdir(parents=True)
    other.write_text("theirs\n")
    engine.ensure_trust(ours, ADDRESS, authority)
    engine.remove_trust(ours, ADDRESS)
    assert other.read_text() == "theirs\n"
    assert not (authority.parent / "certs.d" / ADDRESS).exists()


def test_only_our_own_configuration_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CONFIGURATION", tmp_path / "docker/daemon.json")
    assert not engine.remove_configuration()
    engine.CONFIGURATION.parent.mkdir()
    engine.CONFIGURATION.write_text('{"debug": true}')
    assert not engine.remove_configuration()
    assert engine.CONFIGURATION.exists()
    engine.CONFIGURATION.write_text((CHECKOUT / "deploy/daemon.json").read_text())
    assert engine.remove_configuration()
    assert not engine.CONFIGURATION.parent.exists()


@pytest.mark.parametrize("host", ["tcp://127.0.0.1:2375", "ssh://x", "fd://", "npipe:////./pipe/x"])
def test_only_sockets(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(SettingsError, match="over tcp or ssh are not supported yet"):
        engine.url()


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match="No Docker engine answers"):
        engine.facts(f"unix://{tmp_path}/docker.sock")
