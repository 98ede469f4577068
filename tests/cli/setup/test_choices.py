"""What an instance chooses once: free at that moment, kept ever after."""

from __future__ import annotations

import fcntl
import json
import socket
import subprocess
from dataclasses import asdict
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from hub_ext.cli.setup import choices
from hub_ext.errors import SettingsError


def test_a_choice_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "choices.json"
    chosen = choices.choose(file)
    # Taken meanwhile, by ourselves as it were: what was chosen stays.
    assert choices.choose(file, taken=[chosen.subnet]) == chosen


def test_two_checkouts_differ(tmp_path: Path) -> None:
    chosen = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        chosen.append(choices.choose(tmp_path / name / "choices.json"))
    one, two = chosen
    assert one.instance != two.instance
    assert not IPv4Network(one.subnet).overlaps(IPv4Network(two.subnet))
    ports = [value for each in chosen for key, value in asdict(each).items() if key.endswith("_port")]
    assert len(set(ports)) == len(ports) == 6


def test_what_the_engine_holds_is_not_chosen(tmp_path: Path) -> None:
    first = choices.choose(tmp_path / "choices.json")
    (tmp_path / "choices.json").unlink()
    second = choices.choose(tmp_path / "choices.json", taken=[first.subnet])
    assert second.subnet != first.subnet
    assert second.instance == first.instance


def test_what_listens_is_not_chosen(tmp_path: Path) -> None:
    first = choices.choose(tmp_path / "choices.json")
    (tmp_path / "choices.json").unlink()
    with socket.create_server(("127.0.0.1", first.hub_port)):
        second = choices.choose(tmp_path / "choices.json")
    assert first.hub_port not in (second.hub_port, second.registry_port, second.console_port)


def test_choices_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    file = tmp_path / "choices.json"
    chosen = choices.choose(file)
    file.write_text(json.dumps({**asdict(chosen), "proxy_api_port": 20001}))
    assert choices.read(file) == chosen


def test_nothing_free(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No /22"):
        choices.choose(tmp_path / "choices.json", taken=["10.0.0.0/8"])
    assert not (tmp_path / "choices.json").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"instance": "x"}', '{"subnet": "somewhere"}'])
def test_a_damaged_file_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "choices.json").write_text(text)
    with pytest.raises(SettingsError, match="cannot be read"):
        choices.choose(tmp_path / "choices.json")


def test_names_fit_the_engine(tmp_path: Path) -> None:
    chosen = choices.choose(tmp_path / "choices.json")
    assert len(chosen.instance) <= 10
    assert chosen.instance.isalnum()
    assert chosen.gateway == str(IPv4Network(chosen.subnet)[1])


def test_what_the_machine_routes_is_not_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = choices.choose(tmp_path / "choices.json")
    (tmp_path / "choices.json").unlink()
    # Half of everything goes through a tunnel: that takes no network.
    routes = f"default via 192.0.2.1 dev eth0\n0.0.0.0/1 dev tun0\nbroadcast {first.gateway} dev lan\n"
    answer = subprocess.CompletedProcess([], 0, routes, "")
    monkeypatch.setattr(choices.subprocess, "run", lambda *_, **__: answer)
    assert choices.choose(tmp_path / "choices.json").subnet != first.subnet


def test_the_machines_lock_is_held_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(choices.RUN_DIR_VARIABLE, str(tmp_path))
    with choices.machine_lock("it"), (tmp_path / "it.lock").open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (tmp_path / "it.lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
