"""A host that an earlier version of hub-ext changed, with the way back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from hub_ext.adapters import host_release
from hub_ext.adapters.host import HostError
from hub_ext.adapters.host_release import HostRelease
from hub_ext.flows.doctor.finding import Finding, Health, fail, ok, warn
from hub_ext.flows.site import Site
from hub_ext.phrase import Phrase

# A host of it has the codename of the release that comes next.
UNSTABLE = "sid"
_BACK = "Run `deploy/bootstrap restore-host`: it lists what it takes back, and asks first."


async def check(site: Site) -> tuple[Finding, ...]:
    """No files of an earlier version are left, and the host is the release that its own sources offer."""
    return await asyncio.to_thread(lambda: tuple(_findings()))


def _findings() -> Iterator[Finding]:
    files = tuple(str(path) for path in host_release.leftover_files())
    if files:
        yield warn("host", "an earlier version of hub-ext left {files}", _BACK, files=files)
    try:
        finding = release_finding(host_release.host_release())
    except HostError as error:
        advice = error.next_step or Phrase("Compare its packages with the release that /etc/apt names.")
        finding = Finding(
            Phrase("host"), Health.WARN, Phrase("cannot be verified: {why}", why=error.fact), advice
        )
    if not files or finding.health is not Health.OK:
        yield finding


def release_finding(release: HostRelease) -> Finding:
    """Whether the base packages are those of the host's own sources."""
    raised = tuple(f"{package.name} {package.installed} > {package.offered}" for package in release.raised)
    matches = not {release.codename, UNSTABLE}.isdisjoint(release.offered)
    if raised and not matches:
        return fail(
            "host",
            "base packages are of Debian {codename}, and its own package sources offer {offered}: {packages}",
            _BACK,
            codename=release.codename,
            offered=release.offered,
            packages=raised,
        )
    if raised:
        return warn(
            "host",
            "base packages are newer than the package lists: {packages}",
            "Run `apt-get update`. If that changes nothing, find out where they came from.",
            packages=raised,
        )
    if matches:
        return ok("host", "Debian {codename}, as its package sources say", codename=release.codename)
    return warn(
        "host",
        "it says that it is Debian {codename}, and its package sources offer {offered}",
        "Name its release in /etc/apt, or finish the upgrade to the other one.",
        codename=release.codename,
        offered=release.offered,
    )
