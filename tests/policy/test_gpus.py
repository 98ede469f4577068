"""Devices: in any sequence of starts and ends, no share has two owners."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_ext.model import Gpu, GpuHealth, Lease
from hub_ext.policy.gpus import choose, reasons, seen, strangers, works

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
# The same devices, each known by a second id, as from another source.
twins = devices.map(
    lambda gpus: gpus + tuple(replace(one, id=f"local/{one.device}", shares=2) for one in gpus)
)
outs = st.sets(st.integers(0, 3))
containers = st.sampled_from(["", "ours", "too", "theirs"])
# Each step starts a launch with that many GPUs, or ends the oldest one that still runs.
steps = st.lists(st.none() | st.integers(0, 3), max_size=20)


@given(devices | twins, steps, outs)
def test_a_share_never_has_two_owners(gpus: tuple[Gpu, ...], sequence: list[int | None], out: set[int]):
    gpus = tuple(replace(one, out_since=on(-1)) if number in out else one for number, one in enumerate(gpus))
    most = {one.device: max(twin.shares for twin in gpus if twin.device == one.device) for one in gpus}
    named = {one.id: one.device for one in gpus}
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
        of_this = [device.device for device, _ in chosen or ()]
        assert len(of_this) == len(set(of_this)) == (wanted if chosen is not None else 0)
        for device, share in chosen or ():
            assert device.health is GpuHealth.OK
            assert device.out_since is None
            assert 0 <= share < device.shares
        owners = [named[gpu_id] for gpu_id, _ in held_now]
        assert all(owners.count(device) <= number for device, number in most.items())


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


# --- what is seen of a device ------------------------------------------------------------------------

known_gpus = st.builds(
    lambda health, own, out: gpu(
        0, health=health, own_shares=own, shares=own or 1, out_since=out, out_why="a fan" if out else ""
    ),
    st.sampled_from(GpuHealth),
    st.none() | st.integers(1, 4),
    st.none() | st.just(on(-1)),
)
seen_gpus = st.builds(
    lambda health, shares, model: gpu(0, health=health, shares=shares, model=model, created=on(0)),
    st.sampled_from([GpuHealth.OK, GpuHealth.FAULTY, GpuHealth.UNATTACHABLE]),
    st.integers(1, 4),
    st.sampled_from(["H100", "H100 NVL"]),
)
holders = st.none() | st.lists(containers, max_size=3)
tenants = st.sets(containers)


@given(seen_gpus, st.none() | known_gpus, holders, tenants)
def test_what_operators_chose_outlives_every_look(
    now: Gpu, known: Gpu | None, computing: list[str] | None, leasing: set[str]
):
    after = seen(now, known, computing, leasing)
    assert (after.device, after.model) == (now.device, now.model)
    if known is not None:
        assert after.shares == (known.own_shares or now.shares)
        assert (after.created, after.out_since, after.out_why) == (
            known.created,
            known.out_since,
            known.out_why,
        )
    assert seen(now, after, computing, leasing) == after  # looked at again, nothing is to be written


@given(seen_gpus, st.none() | known_gpus, holders, tenants)
def test_a_device_is_offered_only_where_nobody_but_its_tenants_computes(
    now: Gpu, known: Gpu | None, computing: list[str] | None, leasing: set[str]
):
    offered = works(seen(now, known, computing, leasing))
    if computing and strangers(computing, leasing):
        assert not offered
    if now.health is not GpuHealth.OK or (known and known.out_since):
        assert not offered
    if offered:
        assert works(seen(now, known, [*(computing or ()), *(leasing - {""})], leasing))


@given(seen_gpus, known_gpus, tenants)
def test_where_nobody_tells_who_computes_what_was_known_stands(now: Gpu, known: Gpu, leasing: set[str]):
    after = seen(now, known, None, leasing)
    was_held = known.health is GpuHealth.HELD_OUTSIDE
    assert after.health is (GpuHealth.HELD_OUTSIDE if was_held and now.health is GpuHealth.OK else now.health)


def test_a_process_outside_of_containers_is_nobody_s_tenant():
    # A launch that has no container yet has "" for its id.
    assert strangers([""], {"", "ours"}) == {""}
    assert strangers(["ours"], {"", "ours"}) == set()


def test_who_left_gives_the_device_free():
    held = gpu(0, health=GpuHealth.HELD_OUTSIDE)
    assert works(seen(gpu(0), held, (), ()))
