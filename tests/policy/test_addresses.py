"""A launch's address is nobody else's, and the one that was given longest ago comes first."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_ext.policy.addresses import launch_addresses, next_address

NETWORK = IPv4Network("10.213.0.0/26")


@pytest.mark.parametrize(
    ("subnet", "first", "last", "number"),
    [
        ("10.213.0.0/22", "10.213.0.16", "10.213.3.254", 1007),
        ("10.213.0.0/26", "10.213.0.16", "10.213.0.62", 47),
        ("10.213.0.8/29", "10.213.0.11", "10.213.0.14", 4),
    ],
)
def test_the_lowest_are_left_to_the_engine(subnet: str, first: str, last: str, number: int) -> None:
    numbers = launch_addresses(IPv4Network(subnet))
    assert (str(IPv4Address(numbers[0])), str(IPv4Address(numbers[-1])), len(numbers)) == (
        first,
        last,
        number,
    )


ADDRESSES = [str(IPv4Address(number)) for number in launch_addresses(NETWORK)]


@given(st.sets(st.sampled_from(ADDRESSES)), st.sampled_from(["", "10.213.0.2", "10.99.0.1", *ADDRESSES]))
def test_no_taken_address_is_given_and_every_other_is(taken: set[str], last: str) -> None:
    given_ones: list[str] = []
    while (address := next_address(NETWORK, taken, last)) is not None:
        assert address in ADDRESSES
        assert address not in taken
        given_ones.append(address)
        taken, last = taken | {address}, address
    assert taken == set(ADDRESSES)


def test_an_address_that_is_free_again_comes_last() -> None:
    last = ""
    for address in [*ADDRESSES, *ADDRESSES]:
        last = next_address(NETWORK, (), last) or ""
        assert last == address
