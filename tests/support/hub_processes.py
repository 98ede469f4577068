"""Processes that stand for several Hubs on one store: each runs a program on a value of its own."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def hub_processes(program: str, values: Sequence[Any], folder: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """One process for each value; `program` finds it pickled in the file that its first argument names.

    They are killed at the end.
    """
    processes = []
    for number, value in enumerate(values):
        file = folder / f"hub-{number}"
        file.write_bytes(pickle.dumps(value))
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", program, str(file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()
