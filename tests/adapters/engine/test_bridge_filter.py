"""Switches of a kernel that a test lays out in a folder, and those of the real bridge."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_ext.adapters.engine import bridge_filter, ensure_firewall
from hub_ext.adapters.engine.bridge_filter import check_bridge_filter, ensure_bridge_filter
from hub_ext.errors import NetworkError
from hub_ext.settings import Settings

SWITCHES = ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables")
OWN = ("nf_call_iptables", "nf_call_ip6tables")


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel without br_netfilter that has our bridge and another one; modprobe loads the module."""
    proc, devices, modprobe = tmp_path / "proc", tmp_path / "devices", tmp_path / "modprobe"
    for bridge in ("ours", "other"):
        (devices / bridge / "bridge").mkdir(parents=True)
        for name in OWN:
            (devices / bridge / "bridge" / name).write_text("0\n")
    loads = "".join(f"echo 1 >{proc / name}\n" for name in SWITCHES)
    modprobe.write_text(f"#!/bin/sh\n[ $1 = br_netfilter ] && mkdir {proc}\n{loads}")
    modprobe.chmod(0o755)
    monkeypatch.setattr(bridge_filter, "_ALL_BRIDGES", proc)
    monkeypatch.setattr(bridge_filter, "_DEVICES", devices)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def test_the_module_is_loaded_and_only_our_bridge_is_filtered(kernel: Path) -> None:
    assert len(check_bridge_filter("ours")) == 2
    ensure_bridge_filter("ours")
    assert check_bridge_filter("ours") == ()
    assert len(check_bridge_filter("other")) == 2
    assert [(kernel / "proc" / name).read_text() for name in SWITCHES] == ["0", "0"]


def test_what_was_on_for_every_bridge_stays_on(kernel: Path) -> None:
    (kernel / "proc").mkdir()
    for name in SWITCHES:
        (kernel / "proc" / name).write_text("1\n")
    assert check_bridge_filter("ours") == ()
    ensure_bridge_filter("ours")
    assert [(kernel / "proc" / name).read_text() for name in SWITCHES] == ["1\n", "1\n"]


def test_a_kernel_without_the_module_is_told(kernel: Path) -> None:
    (kernel / "modprobe").write_text("#!/bin/sh\necho Module br_netfilter not found >&2\nexit 1\n")
    with pytest.raises(NetworkError, match="Module br_netfilter not found"):
        ensure_bridge_filter("ours")


def test_a_bridge_that_is_not_there_yet_needs_nothing(kernel: Path) -> None:
    ensure_bridge_filter("missing")
    assert not (kernel / "proc").exists()
    assert len(check_bridge_filter("missing")) == 2


def test_the_closed_network_s_own_switches_are_on(closed_network: Settings) -> None:
    """Whatever the host has for all its bridges."""
    ensure_firewall(closed_network)
    folder = Path("/sys/class/net", closed_network.network_bridge, "bridge")
    assert [(folder / name).read_text().strip() for name in OWN] == ["1", "1"]
