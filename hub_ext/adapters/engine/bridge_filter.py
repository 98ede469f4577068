"""The kernel's switches by which iptables sees what passes a bridge unrouted: from one notebook to another.

They are there once the module br_netfilter is loaded. An engine that writes firewall rules loads it; ours
writes none, and a host with systemd has not loaded it by itself. Only our bridge's own switches are turned
on: those for all bridges of the host, which virtual machines may use too, stay as they were.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from hub_ext.errors import NetworkError
from hub_ext.phrase import Phrase

_MODULE = "br_netfilter"
_ALL_BRIDGES = Path("/proc/sys/net/bridge")
_DEVICES = Path("/sys/class/net")
# The switch of all bridges, and a bridge's own.
_SWITCHES = {
    "bridge-nf-call-iptables": "nf_call_iptables",
    "bridge-nf-call-ip6tables": "nf_call_ip6tables",
}
_LOAD_SECONDS = 30


def ensure_bridge_filter(bridge: str) -> None:
    """Turns the bridge's own switches on; nothing where there is no such bridge yet. Raises NetworkError."""
    own = _DEVICES / bridge / "bridge"
    if not own.is_dir():
        return
    if not _ALL_BRIDGES.is_dir():
        _load()
    try:
        for name in _SWITCHES.values():
            (own / name).write_text("1", encoding="ascii")
    except OSError as error:
        raise _failed(str(error)) from error


def check_bridge_filter(bridge: str) -> tuple[Phrase, ...]:
    """What is wrong with the switches, part of a sentence each; nothing is changed."""
    return tuple(
        Phrase("traffic between notebooks is not filtered: net.bridge.{name} is not 1", name=name)
        for name, own in _SWITCHES.items()
        if not (_is_on(_ALL_BRIDGES / name) or _is_on(_DEVICES / bridge / "bridge" / own))
    )


def _is_on(switch: Path) -> bool:
    try:
        return switch.read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False


def _load() -> None:
    modprobe = shutil.which("modprobe") or "/sbin/modprobe"
    try:
        done = subprocess.run([modprobe, _MODULE], capture_output=True, text=True, timeout=_LOAD_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(str(error)) from error
    if not _ALL_BRIDGES.is_dir():
        raise _failed(done.stderr.strip()[:300] or f"{_MODULE} was loaded and is not there")
    # Loaded, it has iptables asked about every bridge of the host.
    for name in _SWITCHES:
        (_ALL_BRIDGES / name).write_text("0", encoding="ascii")


def _failed(why: str) -> NetworkError:
    return NetworkError(
        "Traffic between notebooks cannot be filtered: {why}.",
        advice="Run the Hub as root, on a kernel with the module {module}; Debian's package kmod loads it.",
        why=why,
        module=_MODULE,
    )
