"""Devices: in any sequence of starts and ends, no share has two owners."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_ext.model import Gpu, GpuHealth, Lease
from hub_ext.policy.gpus import choose, reasons

from .worlds import gpu, lease, on

devices = st.builds(
    lambda numbers, shares, healths: tuple(
        gpu(number, shares=share, health=health)
        for number, share, health in zip(range(numbers), shares, healths, strict=False)
    ),
    st.integers(0, 4),
    st.lists(st.integers(1, 3), min_size=4, max_size=4),
    st.lists(st.sampled_from([GpuHealth.OK, GpuHealth.OK, *GpuHealth]), min_size=4, max_size=4),
)
# Each step starts a launch with that many GPUs, or ends the oldest one that still runs.
steps = st.lists(st.none() | st.integers(0, 3), max_size=20)


@given(devices, steps)
def test_a_share_never_has_two_owners(gpus: tuple[Gpu, ...], sequence: list[int | None]):
    leases: list[Lease] = []
    for number, wanted in enumerate(sequence):
        if wanted is None:
            oldest = next((held.launch_id for held in leases if held.ended is None), None)
            leases = [replace(held, ended=on(0)) if held.launch_id == oldest else held for held in leases]
            continue
        chosen = choose(gpus, leases, wanted)
        assert (chosen is None) == bool(reasons(gpus, leases, wanted))
        for device, share in chosen or ():
            made = replace(lease(0), gpu_id=device.id, share=share, launch_id=f"lau-{number}")
            leases.append(replace(made, id=f"lea-{len(leases)}", until=None))
        held_now = [(held.gpu_id, held.share) for held in leases if held.ended is None]
        assert len(held_now) == len(set(held_now))
        of_this = [device.id for device, _ in chosen or ()]
        assert len(of_this) == len(set(of_this)) == (wanted if chosen is not None else 0)
        for device, share in chosen or ():
            assert device.health is GpuHealth.OK
            assert 0 <= share < device.shares


def test_the_least_shared_device_comes_first():
    shared = (gpu(0, shares=2), gpu(1, shares=2))
    assert choose(shared, (), 1) == ((gpu(0, shares=2), 0),)
    assert choose(shared, (lease(0, 0),), 1) == ((gpu(1, shares=2), 0),)
    assert choose(shared, (lease(0, 0), lease(1, 1)), 1) == ((gpu(0, shares=2), 1),)
    assert choose(shared, (lease(0, 0), lease(0, 1), lease(1, 0), lease(1, 1)), 1) is None


def test_two_shares_of_one_device_are_not_two_gpus():
    assert choose((gpu(0, shares=4),), (), 2) is None


def test_a_lease_past_its_time_still_holds():
    assert choose((gpu(0),), (lease(0, until=on(-1)),), 1) is None


def test_a_device_whose_shares_were_reduced_is_full_until_enough_leases_end():
    one = (gpu(0, shares=1),)
    assert choose(one, (lease(0, 3),), 1) is None
    assert choose(one, (lease(0, 3, ended=on(-1)),), 1) == ((one[0], 0),)


@pytest.mark.parametrize("wanted", [-1, -100])
def test_fewer_than_none_are_not_chosen(wanted: int):
    assert choose((gpu(0),), (), wanted) is None
