"""What an instance chooses once and keeps: its name, its subnet and its ports.

All start from a hash of the state's folder, so that two checkouts on one machine rarely want the same,
and are checked against what the machine uses already.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from pathlib import Path

from hub_ext.cli.setup.layout import write_file
from hub_ext.errors import SettingsError

SUBNETS = IPv4Network("10.212.0.0/14")
PORTS = range(20000, 30000)  # below the ports that Linux hands out by itself
RUN_DIR_VARIABLE = "HUB_EXT_RUN_DIR"


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen. `subnet` is the closed network's; the registry listens on its gateway."""

    instance: str
    subnet: str
    hub_port: int
    registry_port: int
    console_port: int

    @property
    def gateway(self) -> str:
        """The host's address in the closed network."""
        return str(IPv4Network(self.subnet)[1])

    @property
    def registry_address(self) -> str:
        """HOST:PORT of the registry. Not a loopback address: engines trust those without TLS."""
        return f"{self.gateway}:{self.registry_port}"


def run_dir() -> Path:
    """What the machine's instances share while they run: /run/hub-ext, or HUB_EXT_RUN_DIR."""
    folder = Path(os.environ.get(RUN_DIR_VARIABLE) or "/run/hub-ext")
    # Who may read a lock file may hold it for ever.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@contextmanager
def machine_lock(name: str) -> Iterator[None]:
    """One instance of this machine at a time."""
    with (run_dir() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read(path: Path) -> Choices | None:
    """What was chosen before, or None. Raises SettingsError where the file is damaged."""
    if not path.exists():
        return None
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        chosen = Choices(**{field.name: held[field.name] for field in fields(Choices)})
        IPv4Network(chosen.subnet)
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{path} cannot be read: {error}.", advice="Remove it: new ports and a new network are chosen."
        ) from error
    return chosen


def choose(path: Path, taken: Iterable[str] = ()) -> Choices:
    """What was chosen before; else choose, and keep it in that file.

    `taken` are subnets that the engine's networks hold; the machine's own routes are read here.
    Raises SettingsError where nothing is free.
    """
    if known := read(path):
        return known
    seed = hashlib.sha256(str(path.parent).encode()).digest()
    number = int.from_bytes(seed[:8], "big")
    subnet = free_subnet(number, taken)
    chosen = Choices(f"hx{seed.hex()[:6]}", str(subnet), *free_ports(number, 3))
    write_file(path, json.dumps(asdict(chosen), indent=2) + "\n")
    return chosen


def free_subnet(
    number: int, taken: Iterable[str] = (), *, pool: IPv4Network = SUBNETS, prefix: int = 22
) -> IPv4Network:
    """A subnet of the pool that is neither taken nor routed on this machine; `number` says where to begin.

    Raises SettingsError where none is free.
    """
    used = [IPv4Network(net) for net in (*taken, *_routed_subnets())]
    count = 2 ** (prefix - pool.prefixlen)
    for step in range(count):
        base = pool.network_address + (number + step) % count * 2 ** (32 - prefix)
        candidate = IPv4Network((base, prefix))
        if not any(candidate.overlaps(net) for net in used):
            return candidate
    raise SettingsError(
        f"No /{prefix} of {pool} is free on this machine.",
        advice="`docker network ls` and `ip route` show who holds them; unused networks can be removed.",
    )


def _routed_subnets() -> Iterator[IPv4Network]:
    answer = subprocess.run(["ip", "-4", "route", "show", "table", "all"], capture_output=True, text=True)
    for line in answer.stdout.splitlines():
        for word in line.split()[:2]:
            try:
                net = IPv4Network(word, strict=False)
            except (AddressValueError, ValueError):
                continue
            if net.prefixlen >= 8:
                yield net


def free_ports(number: int, count: int) -> list[int]:
    """Ports that nobody listens on now, the same ones for the same number where they are free.

    Raises SettingsError.
    """
    found: list[int] = []
    for step in range(len(PORTS)):
        port = PORTS[(number // 1024 * 7 + step) % len(PORTS)]
        if port_is_free("0.0.0.0", port):  # noqa: S104 - asked, not listened on
            found.append(port)
        if len(found) == count:
            return found
    raise SettingsError(f"No ports are free between {PORTS.start} and {PORTS.stop}.")


def port_is_free(address: str, port: int) -> bool:
    """Whether somebody could listen there now."""
    IPv4Address(address)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
