"""Which GPUs a node has: told by NVIDIA's library where there is one, else by CDI specs.

A GPU is attached by its CDI name. Where several names mean one device ("0" and its UUID), it is one GPU.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pynvml
import yaml

from hub_ext.errors import EngineError
from hub_ext.model import Gpu, GpuHealth
from hub_ext.settings import Settings

log = logging.getLogger(__name__)

_NVIDIA = "nvidia.com/gpu"
# No NVIDIA driver on this machine, as opposed to one that fails.
_NO_DRIVER = (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED)


@dataclass(frozen=True, slots=True)
class CdiDevice:
    """One device of a CDI spec: its kind ("vendor/gpu"), its name, and the device nodes that it brings."""

    kind: str
    name: str
    nodes: tuple[str, ...]

    @property
    def qualified(self) -> str:
        """The name by which the engine attaches it."""
        return f"{self.kind}={self.name}"


def inventory(settings: Settings) -> tuple[Gpu, ...]:
    """The node's GPUs now, by gpu_source: "auto" asks NVML where a driver is loaded, else the CDI specs.

    A GPU that NVML sees and no CDI spec names is LOST: nothing can attach it. Ids are stable: the UUID, or
    node and CDI name. Memory is 0 where unknown. Raises EngineError where a driver is there and fails.
    """
    if settings.gpu_source == "none":
        return ()
    devices = cdi_devices(settings.cdi_dirs)
    if settings.gpu_source in ("auto", "nvml"):
        try:
            return _from_nvml(settings, devices)
        except pynvml.NVMLError as error:
            if settings.gpu_source == "nvml" or error.value not in _NO_DRIVER:
                raise EngineError(
                    "The NVIDIA driver does not tell its GPUs: {why}.",
                    advice="See what `nvidia-smi` says, or set c.HubExt.gpu_source.",
                    why=str(error),
                ) from error
    return _from_cdi(settings, devices)


def cdi_devices(folders: tuple[Path, ...]) -> tuple[CdiDevice, ...]:
    """Every device of a kind that ends in "/gpu", without "all"; later folders win, as in the engine.

    A spec that cannot be read is left out and logged, as the engine does.
    """
    found: dict[str, CdiDevice] = {}
    for folder in folders:
        for path in sorted(folder.glob("*")) if folder.is_dir() else ():
            if path.suffix in (".json", ".yaml"):
                try:
                    found |= {device.qualified: device for device in _devices_of(path)}
                except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
                    log.warning("CDI spec %s cannot be read: %s", path, error)
    return tuple(found.values())


def _devices_of(path: Path) -> Iterator[CdiDevice]:
    text = path.read_text()
    spec = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    kind = str(spec["kind"])
    if not kind.endswith("/gpu"):
        return
    for device in spec["devices"]:
        if device["name"] != "all":
            nodes = (device.get("containerEdits") or {}).get("deviceNodes") or ()
            yield CdiDevice(
                kind, str(device["name"]), tuple(sorted(str(n.get("hostPath") or n["path"]) for n in nodes))
            )


def _from_cdi(settings: Settings, devices: tuple[CdiDevice, ...]) -> tuple[Gpu, ...]:
    one: dict[tuple[str, ...], CdiDevice] = {}
    for device in devices:
        same = (device.kind, *device.nodes) if device.nodes else (device.qualified,)
        known = one.get(same)
        # Of "0" and "GPU-5e0f…" the longer one stays the same when cards are added.
        if known is None or (len(device.name), device.name) > (len(known.name), known.name):
            one[same] = device
    return tuple(
        _gpu(
            settings,
            id=f"{settings.node}/{device.qualified}",
            device=device.qualified,
            model=device.kind.removesuffix("/gpu"),
        )
        for device in sorted(one.values(), key=lambda device: (device.kind, len(device.name), device.name))
    )


def _from_nvml(settings: Settings, devices: tuple[CdiDevice, ...]) -> tuple[Gpu, ...]:
    pynvml.nvmlInit()
    try:
        return tuple(_nvml_gpus(settings, {device.name for device in devices if device.kind == _NVIDIA}))
    finally:
        pynvml.nvmlShutdown()


def _nvml_gpus(settings: Settings, names: set[str]) -> Iterator[Gpu]:
    for index in range(pynvml.nvmlDeviceGetCount()):
        try:
            card = pynvml.nvmlDeviceGetHandleByIndex(index)
            parts: list[tuple[int | None, Any]] = list(_instances(card))
            for part, handle in parts or [(None, card)]:
                uuid = str(pynvml.nvmlDeviceGetUUID(handle))
                by_index = str(index) if part is None else f"{index}:{part}"
                name = next((name for name in (uuid, by_index) if name in names), None)
                yield _gpu(
                    settings,
                    id=uuid,
                    device=f"{_NVIDIA}={name or uuid}",
                    model=str(pynvml.nvmlDeviceGetName(handle)),
                    mem_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
                    health=GpuHealth.OK if name else GpuHealth.LOST,
                )
        except pynvml.NVMLError as error:
            # One card fallen off the bus must not hide the others.
            log.warning("GPU %d does not answer: %s", index, error)


def _instances(card: Any) -> Iterator[tuple[int | None, Any]]:
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


def _gpu(
    settings: Settings,
    *,
    id: str,
    device: str,
    model: str,
    mem_bytes: int = 0,
    health: GpuHealth = GpuHealth.OK,
) -> Gpu:
    return Gpu(
        id=id,
        node=settings.node,
        device=device,
        model=model,
        mem_bytes=mem_bytes,
        created=datetime.now(UTC),
        shares=settings.gpu_shares,
        health=health,
    )
