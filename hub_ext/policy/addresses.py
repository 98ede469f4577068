"""Which address of the closed network a launch gets.

The engine gives the lowest free one, and an address is free the moment its container ends: whoever starts
next would answer those who still ask for the server that had it. So launches get theirs from here, each after
the last one given, and the engine keeps the lowest for what has no launch, such as checks of images.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network

_LEFT_TO_THE_ENGINE = 16  # with the network's own and the gateway's; fewer of a small subnet


def launch_addresses(subnet: IPv4Network) -> range:
    """The addresses for launches, as numbers. `subnet` is a /29 or larger."""
    first = max(3, min(_LEFT_TO_THE_ENGINE, subnet.num_addresses // 4))
    return range(int(subnet.network_address) + first, int(subnet.broadcast_address))


def next_address(subnet: IPv4Network, taken: Collection[str], last: str) -> str | None:
    """The first that is not `taken` after `last`, the one that was given last, or ""; None where all are."""
    numbers = launch_addresses(subnet)
    begin = int(IPv4Address(last)) + 1 if last else numbers.start
    if begin not in numbers:
        begin = numbers.start
    for number in (*range(begin, numbers.stop), *range(numbers.start, begin)):
        if (address := str(IPv4Address(number))) not in taken:
            return address
    return None
