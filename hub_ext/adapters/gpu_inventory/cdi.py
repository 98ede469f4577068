"""CDI specs: what the engine can attach, read as the engine reads them.

Checked on engine 26: a device that two specs of one folder define is "unresolvable", and one whose node is
not there cannot be attached.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hub_ext.adapters.gpu_inventory.seen import SpecFault, SpecProblem

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CdiDevice:
    """One device of a spec: its kind ("vendor/gpu"), its name, and the device nodes that are its own.

    `missing` are nodes that attaching it needs and that are not there, those of the whole spec included.
    """

    kind: str
    name: str
    nodes: tuple[str, ...]
    missing: tuple[str, ...] = ()

    @property
    def qualified(self) -> str:
        """The name by which the engine attaches it."""
        return f"{self.kind}={self.name}"


@dataclass(frozen=True, slots=True)
class Specs:
    """Every device that the engine knows of a kind that ends in "/gpu", without "all"; and what is wrong."""

    devices: tuple[CdiDevice, ...]
    faults: tuple[SpecFault, ...]

    def named(self, qualified: str) -> CdiDevice | None:
        """The device of that name, or None."""
        return next((device for device in self.devices if device.qualified == qualified), None)


def read_specs(folders: tuple[Path, ...]) -> Specs:
    """The specs of these folders; later folders win. One that cannot be read hides no other."""
    found: dict[str, CdiDevice] = {}
    twice: set[str] = set()
    faults: list[SpecFault] = []
    for folder in folders:
        here: dict[str, CdiDevice] = {}
        for path in sorted(folder.glob("*")) if folder.is_dir() else ():
            if path.suffix not in (".json", ".yaml"):
                continue
            try:
                read = {device.qualified: device for device in _devices_of(path)}
            except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
                log.warning("CDI spec %s cannot be read: %s", path, error)
                faults.append(SpecFault(SpecProblem.UNREADABLE, str(path)))
                continue
            twice |= here.keys() & read.keys()
            here |= read
        faults += [
            SpecFault(SpecProblem.OVERRIDDEN, name, str(folder))
            for name in here.keys() & found.keys()
            if here[name].nodes != found[name].nodes
        ]
        found |= here
    faults += [SpecFault(SpecProblem.TWICE, name) for name in sorted(twice)]
    # The engine forgets a device that was once defined twice, also where a later folder defines it.
    devices = tuple(device for name, device in found.items() if name not in twice)
    faults += [
        SpecFault(SpecProblem.NO_NODE, device.qualified, node)
        for device in devices
        for node in device.missing
    ]
    return Specs(devices, tuple(faults))


def distinct(devices: tuple[CdiDevice, ...]) -> tuple[CdiDevice, ...]:
    """One name for each device, by kind and name; of several the one that stays the same."""
    one: dict[tuple[str, ...], CdiDevice] = {}
    for device in devices:
        same = (device.kind, *device.nodes) if device.nodes else (device.qualified,)
        known = one.get(same)
        # Of "0" and "GPU-5e0f…" the longer one stays the same when cards are added.
        if known is None or (len(device.name), device.name) > (len(known.name), known.name):
            one[same] = device
    return tuple(sorted(one.values(), key=lambda device: (device.kind, len(device.name), device.name)))


def _devices_of(path: Path) -> Iterator[CdiDevice]:
    text = path.read_text()
    spec = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    kind = str(spec["kind"])
    if not kind.endswith("/gpu"):
        return
    shared = _nodes(spec)
    names = set()
    for device in spec["devices"]:
        name = str(device["name"])
        if name in names:
            raise ValueError(f"the device {name!r} stands twice")
        names.add(name)
        own = _nodes(device)
        if name != "all":
            missing = {where for where, made in (*own, *shared) if not made and not Path(where).exists()}
            yield CdiDevice(kind, name, tuple(sorted(where for where, _ in own)), tuple(sorted(missing)))


def _nodes(holder: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Each device node, and whether the engine makes it by number, and so does not look for it."""
    nodes = (holder.get("containerEdits") or {}).get("deviceNodes") or ()
    return [(str(n.get("hostPath") or n["path"]), bool(n.get("type") and n.get("major"))) for n in nodes]
