"""Which GPUs a node has: told by NVIDIA's library where there is one, else by a list in the settings, else by
CDI specs.

A GPU is attached by its CDI name. Where several names mean one device ("0" and its UUID), it is one GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pynvml

from hub_ext.adapters.gpu_inventory import nvml
from hub_ext.adapters.gpu_inventory.cdi import CdiDevice, Specs, distinct, read_specs
from hub_ext.adapters.gpu_inventory.nvml import Part
from hub_ext.adapters.gpu_inventory.seen import GpuUse, Inventory, SeenGpu, SpecFault, SpecProblem
from hub_ext.errors import EngineError
from hub_ext.model import Gpu, GpuHealth
from hub_ext.settings import Settings

__all__ = ["GpuUse", "Inventory", "SeenGpu", "SpecFault", "SpecProblem", "inventory", "spec_faults", "use"]

_NVIDIA = "nvidia.com/gpu"


def inventory(settings: Settings) -> Inventory:
    """The node's GPUs now. By gpu_source "auto", NVML is asked where a driver is loaded, else the list is
    taken where there is one, else the CDI specs.

    Ids are stable: the UUID, or node and CDI name. Memory is 0 where unknown. Without NVML a device is there
    while its nodes are. Raises EngineError where a driver is there and fails.
    """
    if settings.gpu_source == "none":
        return Inventory()
    specs = read_specs(settings.cdi_dirs)
    told = _driver_s(settings)
    if told is not None:
        parts, whole = told
        return Inventory(tuple(_seen(settings, part, specs) for part in parts), whole)
    if settings.gpu_source == "list" or (settings.gpu_source == "auto" and settings.gpu_devices):
        return Inventory(tuple(SeenGpu(gpu) for gpu in _listed(settings, specs)))
    there = (device for device in distinct(specs.devices) if not device.missing)
    return Inventory(
        tuple(SeenGpu(_gpu(settings, device.qualified, model=_vendor(device.kind))) for device in there)
    )


def use(settings: Settings) -> Mapping[str, GpuUse]:
    """What each GPU is asked of now, by id; empty where nobody tells. Raises nothing."""
    try:
        parts, _ = _driver_s(settings) or ((), True)
    except EngineError:
        return {}
    return {part.uuid: part.use for part in parts}


def spec_faults(settings: Settings) -> tuple[SpecFault, ...]:
    """Where CDI specs do not match the devices, or one another. Raises EngineError as `inventory`."""
    if settings.gpu_source == "none":
        return ()
    specs = read_specs(settings.cdi_dirs)
    told = _driver_s(settings)
    if told is None:
        unnamed = [one.device for one in settings.gpu_devices if specs.named(one.device) is None]
        return (*specs.faults, *(SpecFault(SpecProblem.NO_SPEC, name) for name in unnamed))
    parts, whole = told
    known = {name for part in parts for name in part.names}
    spoken = {device.name for device in specs.devices if device.kind == _NVIDIA}
    return (
        *specs.faults,
        *(SpecFault(SpecProblem.NO_SPEC, part.uuid) for part in parts if not spoken & set(part.names)),
        *(
            SpecFault(SpecProblem.NO_DEVICE, f"{_NVIDIA}={name}")
            for name in sorted(spoken - known)
            if whole  # a card that does not answer may be the one that is meant
        ),
    )


def _driver_s(settings: Settings) -> tuple[tuple[Part, ...], bool] | None:
    """What NVML tells; None where it is not asked, or no driver is there. Raises EngineError."""
    if settings.gpu_source not in ("auto", "nvml"):
        return None
    try:
        with nvml.driver():
            return nvml.parts()
    except pynvml.NVMLError as error:
        if settings.gpu_source == "auto" and error.value in nvml.NO_DRIVER:
            return None
        raise EngineError(
            "The NVIDIA driver does not tell its GPUs: {why}.",
            advice="See what `nvidia-smi` says, or set c.HubExt.gpu_source.",
            why=str(error),
        ) from error


def _seen(settings: Settings, part: Part, specs: Specs) -> SeenGpu:
    named = (specs.named(f"{_NVIDIA}={name}") for name in part.names)
    device = next((device for device in named if device is not None), None)
    health = GpuHealth.FAULTY if part.faulty else _attachable(device)
    qualified = device.qualified if device else f"{_NVIDIA}={part.uuid}"
    gpu = _gpu(settings, qualified, part.model, part.mem_bytes, id=part.uuid, health=health)
    return SeenGpu(gpu, part.holders)


def _listed(settings: Settings, specs: Specs) -> tuple[Gpu, ...]:
    """The list without devices that are gone, as their nodes tell; two names of one device are one GPU."""
    found: dict[tuple[str, ...], Gpu] = {}
    for one in settings.gpu_devices:
        device = specs.named(one.device)
        if device is None or not device.missing:
            gpu = _gpu(settings, one.device, one.model, one.mem_bytes, health=_attachable(device))
            found.setdefault((device.nodes if device else ()) or (one.device,), gpu)
    return tuple(found.values())


def _attachable(device: CdiDevice | None) -> GpuHealth:
    return GpuHealth.OK if device is not None and not device.missing else GpuHealth.UNATTACHABLE


def _vendor(kind: str) -> str:
    return kind.removesuffix("/gpu")


def _gpu(
    settings: Settings,
    device: str,
    model: str,
    mem_bytes: int = 0,
    *,
    id: str = "",
    health: GpuHealth = GpuHealth.OK,
) -> Gpu:
    return Gpu(
        id=id or f"{settings.node}/{device}",
        node=settings.node,
        device=device,
        model=model,
        mem_bytes=mem_bytes,
        created=datetime.now(UTC),
        shares=settings.gpu_shares,
        health=health,
    )
