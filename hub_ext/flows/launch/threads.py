"""Threads of our own for what blocks: a hung disk or database must not hold up anything else of the Hub's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_store = ThreadPoolExecutor(4, thread_name_prefix="launch-store")
# Dataset folders may lie on NFS, where a look can take for ever.
_folders = ThreadPoolExecutor(8, thread_name_prefix="launch-folders")


async def in_store(work: Callable[[], T]) -> T:
    """The result of work on the store. Cancelled, it waits for the end of a transaction under way."""
    future = asyncio.get_running_loop().run_in_executor(_store, work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        if not future.cancelled():
            future.exception()
        raise


async def in_folders(work: Callable[[], T], seconds: float) -> T | None:
    """The result of a look at folders; None where it takes longer."""
    future = asyncio.get_running_loop().run_in_executor(_folders, work)
    done, _ = await asyncio.wait([future], timeout=seconds)
    return future.result() if done else None
