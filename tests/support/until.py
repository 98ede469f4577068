"""Waiting for what is bound to come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tests.support.patience import patient


async def until(true: Callable[[], bool], seconds: float = 10) -> None:
    """Returns once it is true. Raises AssertionError after `seconds` of a usual machine."""
    end = time.monotonic() + patient(seconds)
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s"
        await asyncio.sleep(0.02)


def eventually(
    true: Callable[[], bool], seconds: float = 10, *, why: Callable[[], str] | None = None
) -> None:
    """As `until`, where no event loop runs. The failure says `why()`."""
    end = time.monotonic() + patient(seconds)
    while not true():
        assert time.monotonic() < end, why() if why else f"not within {seconds} s"
        time.sleep(0.02)
