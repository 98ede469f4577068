"""Connections of this host to a container whose address was taken away."""

from __future__ import annotations

import contextlib
import subprocess
from ipaddress import IPv4Address

_SECONDS = 10


def close_connections(address: str) -> None:
    """Close this host's TCP connections to that IPv4 address; whoever waits on one gets an error at once.

    A process that ends closes its own. An address that goes while its process lives (a network that somebody
    disconnects) says nothing, and a request that was sent there would wait for the whole read timeout.
    Nothing happens where the kernel cannot do it (CONFIG_INET_DIAG_DESTROY), has no such connection, or where
    there is no `ss`. Needs CAP_NET_ADMIN. Raises ValueError for what is no address.
    """
    words = ["ss", "-K", "-H", "-t", "dst", str(IPv4Address(address))]
    # The end of a launch must not fail by it: such a request ends by its own time limit then.
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
