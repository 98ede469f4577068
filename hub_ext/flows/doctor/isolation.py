"""Runs inside a probe container on the closed network. Standard library only; prints one JSON object.

Arguments: the gateway's address, then any number of HOST:PORT that must not answer.
"""

import json
import socket
import sys


def answers(target: str) -> str:
    """How a TCP connection to HOST:PORT ends: open, refused, silent, or the system's own word."""
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silent"
    except OSError as error:
        return error.strerror or type(error).__name__
    return "open"


def own_address(gateway: str) -> str:
    """This container's address on the gateway's network; "" where it is on none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        try:
            ours.connect((gateway, 9))
        except OSError:
            return ""
        return str(ours.getsockname()[0])


def global_ipv6() -> list[str]:
    """Addresses other than loopback (scope 10) and link-local (scope 20)."""
    try:
        with open("/proc/net/if_inet6") as table:
            return [line.split()[0] for line in table if line.split()[3] not in ("10", "20")]
    except FileNotFoundError:
        return []


def confinement() -> str:
    """The AppArmor profile of this process with its mode; "" where the kernel has none."""
    try:
        with open("/proc/self/attr/current") as file:
            return file.read().strip(" \n\0")
    except OSError:
        return ""


if __name__ == "__main__":
    gateway, *closed = sys.argv[1:]
    seen = {
        "address": own_address(gateway),
        "closed": {at: answers(at) for at in closed},
        "ipv6": global_ipv6(),
    }
    print(json.dumps({**seen, "apparmor": confinement()}))
