"""What an engine of our own might change on this machine, so that two moments can be compared."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hub_ext.cli.setup.private_engine import PrivateEngine

SWITCHES = ("ipv4/ip_forward", "ipv6/conf/all/forwarding")
DOCKER0 = "docker0"  # an engine without a bridge of its own takes it from another one


def host_state(engine: PrivateEngine) -> dict[str, list[str]]:
    """Firewall rules, switches of the kernel, interfaces and mounts, without those of instances beside it."""
    rules = [line for tool in ("iptables-save", "ip6tables-save") for line in _lines(tool)]
    interfaces = sorted(path.name for path in Path("/sys/class/net").iterdir())
    # The kernel writes a space as \040.
    mounts = [line.split()[4].replace(r"\040", " ") for line in _text("/proc/self/mountinfo").splitlines()]
    return {
        "rules": [line for line in rules if line[:1] not in "#:" and "HUB-EXT-" not in line],
        "kernel": [_text(f"/proc/sys/net/{switch}") for switch in SWITCHES],
        "interfaces": [name for name in interfaces if engine.id in name or name == DOCKER0],
        "mounts": [path for path in mounts if path.startswith(str(engine.folder))],
        "configuration": [_text("/etc/docker/daemon.json")],
    }


def _lines(command: str) -> list[str]:
    return subprocess.run([command], capture_output=True, text=True, check=True).stdout.splitlines()


def _text(path: str) -> str:
    file = Path(path)
    return file.read_text() if file.exists() else ""
