"""The GPUs that the store offers, against those that the machine has; and CDI specs against both."""

from __future__ import annotations

import asyncio

from hub_ext.adapters import gpu_inventory
from hub_ext.adapters.gpu_inventory import SpecFault, SpecProblem
from hub_ext.adapters.store import gpus, leases
from hub_ext.flows import gpu
from hub_ext.flows.doctor.finding import Finding, Health, fail, ok, warn
from hub_ext.flows.site import Site
from hub_ext.model import Gpu, GpuHealth
from hub_ext.phrase import Phrase

UNWELL = {
    GpuHealth.HELD_OUTSIDE: (
        Phrase("used by another program"),
        Phrase("`nvidia-smi` shows which; end it, or take the GPU out of service."),
    ),
    GpuHealth.FAULTY: (
        Phrase("its memory fails, as the driver says"),
        Phrase("Take it out of service: `hub-ext gpu take-out`; then see `nvidia-smi -q` and its maker."),
    ),
    GpuHealth.UNATTACHABLE: (
        Phrase("no CDI spec attaches it"),
        Phrase("Write them anew: `nvidia-ctk cdi generate`."),
    ),
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
        found.append(
            warn(
                "gpus",
                "{new} new or changed, {gone} no longer there",
                "Run `hub-ext gpu refresh`.",
                new=len(changes.found),
                gone=len(changes.lost),
            )
        )
    if lost := [lease for lease in held if lease.lost]:
        found.append(
            fail(
                "gpus",
                "{lost} of {held} leases lost their GPU",
                "See why with `nvidia-smi` and `dmesg`; their owners were told.",
                lost=len(lost),
                held=len(held),
            )
        )
    if found:
        return tuple(found)
    there = [one for one in known if one.health is not GpuHealth.LOST]
    if not there:
        return (ok("gpus", "none"),)
    out = sum(one.out_since is not None for one in there)
    return (
        ok(
            "gpus",
            "{known} known, {held} leased, {out} out of service",
            known=len(there),
            held=len(held),
            out=out,
        ),
    )


def _unwell(one: Gpu) -> Finding:
    what, advice = UNWELL[one.health]
    seen = Phrase("{device}: {what}", device=one.device, what=what)
    return Finding(Phrase("gpus"), Health.WARN, seen, advice)


def _specs(site: Site) -> tuple[Finding, ...]:
    faults = gpu_inventory.spec_faults(site.settings)
    if not faults:
        return ()
    return (
        warn(
            "cdi specs",
            "{faults} ({count} in all)",
            "Write the specs anew, as `nvidia-ctk cdi generate` does, and remove old ones from the folders.",
            faults=tuple(_sentence(fault) for fault in faults[:SHOWN]),
            count=len(faults),
        ),
    )


def _sentence(fault: SpecFault) -> Phrase:
    subject, detail = fault.subject, fault.detail
    match fault.problem:
        case SpecProblem.UNREADABLE:
            return Phrase("{subject} cannot be read", subject=subject)
        case SpecProblem.TWICE:
            return Phrase(
                "{subject} is defined twice in one folder, so that the engine attaches neither",
                subject=subject,
            )
        case SpecProblem.OVERRIDDEN:
            return Phrase("{subject} is defined otherwise in {detail}", subject=subject, detail=detail)
        case SpecProblem.NO_NODE:
            return Phrase("{subject} names {detail}, which is not there", subject=subject, detail=detail)
        case SpecProblem.NO_SPEC:
            return Phrase("{subject} is named by no spec", subject=subject)
        case SpecProblem.NO_DEVICE:
            return Phrase("{subject} names a device that the driver does not have", subject=subject)
