"""The GPUs that the store offers, against those that the machine has; and CDI specs against both."""

from __future__ import annotations

import asyncio

from hub_ext.adapters import gpu_inventory
from hub_ext.adapters.gpu_inventory import SpecFault, SpecProblem
from hub_ext.adapters.store import gpus, leases
from hub_ext.flows import gpu
from hub_ext.flows.doctor.finding import Finding, fail, ok, warn
from hub_ext.flows.site import Site
from hub_ext.model import Gpu, GpuHealth

UNWELL = {
    GpuHealth.HELD_OUTSIDE: (
        "is used by another program",
        "`nvidia-smi` shows which; end it, or take the GPU out of service.",
    ),
    GpuHealth.FAULTY: (
        "has failing memory, as its driver says",
        "Take it out of service: `hub-ext gpu take-out`; then see `nvidia-smi -q` and its maker.",
    ),
    GpuHealth.UNATTACHABLE: ("is attached by no CDI spec", "Write them anew: `nvidia-ctk cdi generate`."),
}
PROBLEMS = {
    SpecProblem.UNREADABLE: "{subject} cannot be read",
    SpecProblem.TWICE: "{subject} is defined twice in one folder, so that the engine attaches neither",
    SpecProblem.OVERRIDDEN: "{subject} is defined otherwise in {detail}",
    SpecProblem.NO_NODE: "{subject} names {detail}, which is not there",
    SpecProblem.NO_SPEC: "{subject} is named by no spec",
    SpecProblem.NO_DEVICE: "{subject} names a device that the driver does not have",
}
SHOWN = 5


async def check(site: Site) -> tuple[Finding, ...]:
    """Both. Raises EngineError where a driver is there and fails."""
    return await asyncio.to_thread(lambda: (*_offered(site), *_specs(site)))


def _offered(site: Site) -> tuple[Finding, ...]:
    changes = gpu.differences(site)
    with site.store.reading() as tx:
        known = [one for one in gpus.listing(tx, node=site.settings.node) if one.ended is None]
        held = leases.active(tx, node=site.settings.node)
    found = [_unwell(one) for one in known if one.health in UNWELL and one.out_since is None]
    if changes.found or changes.lost:
        seen = f"{len(changes.found)} new or changed, {len(changes.lost)} no longer there"
        found.append(warn("gpus", seen, "Run `hub-ext gpu refresh`."))
    if lost := [lease for lease in held if lease.lost]:
        seen = f"{len(lost)} of {len(held)} leases lost their GPU"
        found.append(fail("gpus", seen, "See why with `nvidia-smi` and `dmesg`; their owners were told."))
    if found:
        return tuple(found)
    there = [one for one in known if one.health is not GpuHealth.LOST]
    out = sum(one.out_since is not None for one in there)
    told = f"{len(there)} known, {len(held)} leased" + (f", {out} out of service" if out else "")
    return (ok("gpus", told if there else "none"),)


def _unwell(one: Gpu) -> Finding:
    seen, advice = UNWELL[one.health]
    return warn("gpus", f"{one.device} {seen}", advice)


def _specs(site: Site) -> tuple[Finding, ...]:
    faults = gpu_inventory.spec_faults(site.settings)
    if not faults:
        return ()
    told = "; ".join(_sentence(fault) for fault in faults[:SHOWN])
    more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    advice = "Write the specs anew, as `nvidia-ctk cdi generate` does, and remove old ones from the folders."
    return (warn("cdi specs", told + more, advice),)


def _sentence(fault: SpecFault) -> str:
    return PROBLEMS[fault.problem].format(subject=fault.subject, detail=fault.detail)
