"""Runs by itself, in the Python image: prints how fast this place computes, as JSON. Best of some each.

LINPACK in kind (LU solve, double), STREAM in kind (triad), random access in kind (gather), and reads of a
file: sequential from disk and from memory, and random ones of 4 KiB past the cache.
"""

import json
import mmap
import os
import random
import sys
import time

import numpy as np

SIZE = 2500  # of the dense system
STREAM_LENGTH = 12_000_000  # doubles in each of three arrays
TABLE_LENGTH = 2**25  # eight bytes each: more than any cache holds
GATHERS = 2**22
CHUNK_BYTES = 2**20
PAGE_BYTES = 4096
RANDOM_READS = 3000
REPEATS = 4
STREAM_REPEATS = 10


def best(work, repeats=REPEATS):
    """The shortest time of some, seconds."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def linpack():
    """GFLOP/s."""
    generator = np.random.default_rng(1)
    matrix, right = generator.random((SIZE, SIZE)), generator.random(SIZE)
    seconds = best(lambda: np.linalg.solve(matrix, right))
    return (2 / 3 * SIZE**3 + 2 * SIZE**2) / seconds / 1e9


def stream_triad():
    """GB/s of a = b + s * c, in two sweeps as numpy does it."""
    a, b, c = (np.full(STREAM_LENGTH, value) for value in (1.0, 2.0, 3.0))

    def triad():
        np.multiply(c, 3.0, out=a)
        np.add(a, b, out=a)

    return 5 * 8 * STREAM_LENGTH / best(triad, STREAM_REPEATS) / 1e9


def random_access():
    """Millions of elements gathered a second."""
    table = np.arange(TABLE_LENGTH)
    where = np.random.default_rng(1).integers(0, TABLE_LENGTH, GATHERS)
    into = np.empty(GATHERS, dtype=table.dtype)
    return GATHERS / best(lambda: np.take(table, where, out=into)) / 1e6


def read_whole(path, *, cold):
    """MB/s of a file from its beginning to its end."""

    def work():
        with open(path, "rb", buffering=0) as file:
            while file.read(CHUNK_BYTES):
                pass

    def forgotten():
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    size = os.path.getsize(path)
    taken = []
    for _ in range(REPEATS):
        if cold:
            forgotten()
        taken.append(best(work, 1))
    return size / min(taken) / 1e6


def read_random(path):
    """Reads of 4 KiB a second, one after the other, past the cache."""
    pages = os.path.getsize(path) // PAGE_BYTES
    chosen = random.Random(1).choices(range(pages), k=RANDOM_READS)
    buffer = mmap.mmap(-1, PAGE_BYTES)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECT)
    try:
        return RANDOM_READS / best(
            lambda: [os.preadv(handle, [buffer], page * PAGE_BYTES) for page in chosen], 2
        )
    finally:
        os.close(handle)


path = sys.argv[1]
print(
    json.dumps(
        {
            "linpack": linpack(),
            "stream_triad": stream_triad(),
            "random_access": random_access(),
            "read_sequential": read_whole(path, cold=True),
            "read_cached": read_whole(path, cold=False),
            "read_random": read_random(path),
        }
    )
)
