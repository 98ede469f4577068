"""NVIDIA's library: the cards and MIG instances of this machine, who computes on them, and how much."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pynvml

from hub_ext.adapters.gpu_inventory.seen import GpuUse

log = logging.getLogger(__name__)

# No NVIDIA driver on this machine, as opposed to one that fails.
NO_DRIVER = (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
_CONTAINER = re.compile(r"[0-9a-f]{64}")
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Part:
    """A card that is whole, or a MIG instance of one that is divided.

    `names` are those by which a CDI spec may name it, as NVIDIA's tool writes them; the longest first, as
    specs alone would be read.
    """

    uuid: str
    names: tuple[str, ...]
    model: str
    mem_bytes: int
    faulty: bool
    holders: tuple[str, ...] | None
    use: GpuUse


@contextmanager
def driver() -> Iterator[None]:
    """The library, opened. Raises pynvml.NVMLError."""
    pynvml.nvmlInit()
    try:
        yield
    finally:
        pynvml.nvmlShutdown()


def parts() -> tuple[tuple[Part, ...], bool]:
    """Every part of every card, and whether all cards answered; one that fell off the bus is simply gone.

    One card that fails must not hide the others. Raises pynvml.NVMLError where none can be counted.
    """
    found: list[Part] = []
    whole = True
    for index in range(pynvml.nvmlDeviceGetCount()):
        try:
            found += _parts_of(index)
        except pynvml.NVMLError as error:
            log.warning("GPU %d does not answer: %s", index, error)
            whole = whole and error.value == pynvml.NVML_ERROR_GPU_IS_LOST
    return tuple(found), whole


def _parts_of(index: int) -> list[Part]:
    card = pynvml.nvmlDeviceGetHandleByIndex(index)
    faulty = _faulty(card)
    instances = list(_instances(card))
    if not instances:
        return [_part(card, (f"gpu{index}", str(index)), faulty)]
    return [_part(handle, (f"mig{index}:{place}", f"{index}:{place}"), faulty) for place, handle in instances]


def _part(handle: Any, names: tuple[str, ...], faulty: bool) -> Part:
    uuid = str(pynvml.nvmlDeviceGetUUID(handle))
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Part(
        uuid,
        (uuid, *names),
        str(pynvml.nvmlDeviceGetName(handle)),
        int(memory.total),
        faulty,
        _holders(handle),
        GpuUse(_percent(handle), int(memory.used)),
    )


def _instances(card: Any) -> Iterator[tuple[int, Any]]:
    """The MIG instances of a card that is divided; none of one that is whole."""
    try:
        current, _ = pynvml.nvmlDeviceGetMigMode(card)
        places = pynvml.nvmlDeviceGetMaxMigDeviceCount(card) if current else 0
    except pynvml.NVMLError_NotSupported:
        return
    for place in range(places):
        try:
            yield place, pynvml.nvmlDeviceGetMigDeviceHandleByIndex(card, place)
        except pynvml.NVMLError_NotFound:
            continue


def _faulty(card: Any) -> bool:
    """Whether its memory has failing rows that it can no longer replace; cards that do not tell have none."""
    with suppress(pynvml.NVMLError):
        return bool(pynvml.nvmlDeviceGetRemappedRows(card)[3])
    return False


def _percent(handle: Any) -> int | None:
    """Of the driver's last sampling period. The driver does not tell it for a MIG instance."""
    with suppress(pynvml.NVMLError):
        return int(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    return None


def _holders(handle: Any) -> tuple[str, ...] | None:
    try:
        found = {process.pid for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)}
        with suppress(pynvml.NVMLError_NotSupported, pynvml.NVMLError_FunctionNotFound):
            found |= {process.pid for process in pynvml.nvmlDeviceGetMPSComputeRunningProcesses(handle)}
        return tuple(sorted({held for pid in found if (held := _container_of(pid)) is not None}))
    except (pynvml.NVMLError, OSError):
        return None


def _container_of(pid: int) -> str | None:
    """The id of the innermost container of that process, "" outside of any; None once it has ended.

    Raises OSError where that cannot be read.
    """
    try:
        found = _CONTAINER.findall((PROC / str(pid) / "cgroup").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None
    return found[-1] if found else ""
