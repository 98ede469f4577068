"""The firewall of builds: through `build_network` they reach no network behind a bridge of this host.

The rules stand in the namespace of the builds; the host's are not changed.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Network
from pathlib import Path

from hub_ext.errors import EngineError

TAP = "tap0"  # slirp4netns's end in the namespace
# Where clouds hand out the host's own credentials.
_LINK_LOCAL = IPv4Network("169.254.0.0/16")
_LOOK_SECONDS = 1.0  # no notebook server starts within that time of its network


@contextmanager
def kept_closed(namespace: str) -> Iterator[None]:
    """Nothing goes out of the namespace but to networks beyond this host's bridges, present and later ones.

    Raises EngineError.
    """
    networks = _bridged_networks()
    _write_rules(namespace, networks)
    ended = threading.Event()

    def follow(closed: frozenset[IPv4Network]) -> None:
        while not ended.wait(_LOOK_SECONDS):
            now = closed | _bridged_networks()
            if now != closed:
                with suppress(EngineError):  # tried again at the next look
                    _write_rules(namespace, now)
                    closed = now

    thread = threading.Thread(target=follow, args=(networks,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def run(*words: str, said: str | None = None) -> None:
    """Run a command of the host. Raises EngineError with what it answered."""
    done = subprocess.run(words, input=said, capture_output=True, text=True)
    if done.returncode:
        raise EngineError(
            "The network of builds cannot be made: {command}: {answer}",
            command=" ".join(words),
            answer=done.stderr.strip(),
        )


def _bridged_networks() -> frozenset[IPv4Network]:
    """Closed networks of notebooks, networks of other engines, and of virtual machines."""
    found = set()
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        device, base, gateway, *_, mask = line.split()[:8]
        if int(gateway, 16) == 0 and Path("/sys/class/net", device, "bridge").exists():
            # The kernel prints the address's bytes as a number in this machine's own order.
            address, bits = int(base, 16).to_bytes(4, sys.byteorder), int(mask, 16).bit_count()
            found.add(IPv4Network((address, bits)))
    return frozenset(found)


def _write_rules(namespace: str, networks: Iterable[IPv4Network]) -> None:
    lines = [
        *("*nat", f"-A POSTROUTING -o {TAP} -j MASQUERADE", "COMMIT"),
        *("*filter", ":INPUT DROP", ":FORWARD DROP", ":OUTPUT ACCEPT"),
        f"-A FORWARD -i {TAP} -o eth0 -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
        *(f"-A FORWARD -d {network} -j DROP" for network in (_LINK_LOCAL, *sorted(networks))),
        *(f"-A FORWARD -i eth0 -o {TAP} -j ACCEPT", "COMMIT"),
    ]
    run("nsenter", f"--net={namespace}", "iptables-restore", "-w", "10", said="\n".join(lines) + "\n")
