"""Ceilings: the smallest applies, and says who set it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub_ext.model import Ceilings
from hub_ext.policy.limits import DEFAULT_IDLE_SECONDS, Limit, SetBy, gpu_reasons, idle_seconds, smallest

numbers = st.none() | st.integers(0, 9)


@given(numbers, numbers, numbers)
def test_the_smallest_applies(site: int | None, project: int | None, image: int | None):
    limits = (
        SetBy("site", Ceilings(gpus=site)),
        SetBy("project", Ceilings(gpus=project)),
        SetBy("image", Ceilings(gpus=image)),
    )
    found = smallest(limits, "gpus")
    values = [value for value in (site, project, image) if value is not None]
    assert (found.value if found else None) == min(values, default=None)
    for asked in range(11):
        assert bool(gpu_reasons(asked, limits)) == any(asked > value for value in values)


def test_the_first_of_equals_is_named():
    limits = (SetBy("site", Ceilings(gpus=1)), SetBy("image", Ceilings(gpus=1)))
    assert smallest(limits, "gpus") == Limit(1, "site")


def test_nobody_is_idle_for_ever():
    assert idle_seconds((SetBy("site", Ceilings()),)) == DEFAULT_IDLE_SECONDS
    limits = (SetBy("site", Ceilings(idle_seconds=900)), SetBy("image", Ceilings(idle_seconds=60)))
    assert idle_seconds(limits) == 60
