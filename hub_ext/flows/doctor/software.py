"""Versions below the security floors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import version as python_version

from packaging.version import InvalidVersion, Version

from hub_ext.adapters import host
from hub_ext.adapters.unpacked import (
    UnpackedPackage,
    looked_for_newer,
    runs_earlier_programs,
    unpacked_packages,
)
from hub_ext.flows.doctor.finding import Finding, fail, ok, warn
from hub_ext.flows.site import Site
from hub_ext.phrase import Phrase

# `make run` looks once a day; who runs for longer without it is told.
LOOK_AGAIN = timedelta(days=7)
# Distribution: the first version whose known escapes or takeovers of accounts are mended, and which they are.
PYTHON_FLOORS: dict[str, tuple[str, str | Phrase]] = {
    "jupyterhub": ("6.1.1", Phrase("security releases up to {version}", version="6.1.1")),
    "dockerspawner": ("13.0.0", "CVE-2023-48311"),
    "oauthenticator": ("17.0.0", Phrase("allow_all defaults to no")),
}
DEBIAN_FLOORS: dict[str, tuple[str, str | Phrase]] = {
    "docker.io": (
        "26.0",
        Phrase("recursive read-only mounts, volume subpaths, no DNS from internal networks"),
    ),
    "runc": ("1.2.8", "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881"),
    "containerd": ("1.7.29", "CVE-2024-25621, CVE-2025-64329"),
    "docker-registry": ("2.8.2", "CVE-2023-2253"),
    "nginx": ("1.22.1", "CVE-2022-41741, CVE-2022-41742"),
}


async def check(site: Site) -> tuple[Finding, ...]:
    """A finding for each package that stands between a notebook and the host."""
    return await asyncio.to_thread(lambda: (*_python(), *_debian(site)))


def _python() -> Iterator[Finding]:
    for name, (floor, why) in PYTHON_FLOORS.items():
        here = python_version(name)
        if Version(here) >= Version(floor):
            yield ok("{package}", "{version}", package=name, version=here)
        else:
            yield fail(
                "{package}",
                "{version} is below {floor} ({why})",
                "Install the locked versions again.",
                package=name,
                version=here,
                floor=floor,
                why=why,
            )


def _debian(site: Site) -> Iterator[Finding]:
    folder = site.settings.unpacked_dir
    unpacked = unpacked_packages(folder)
    if folder and runs_earlier_programs(folder, site.settings.engine_url):
        yield warn(
            "engine",
            "an earlier one runs than the one that is unpacked",
            "Stop every hub-ext that uses it, then start again.",
        )
    for name, (floor, why) in DEBIAN_FLOORS.items():
        if name in unpacked:
            yield _unpacked(site, unpacked[name], floor, why)
        else:
            yield _installed(name, floor, why)


def _unpacked(site: Site, package: UnpackedPackage, floor: str, why: str | Phrase) -> Finding:
    assert site.settings.unpacked_dir is not None
    last_look = looked_for_newer(site.settings.unpacked_dir)
    if last_look is None or site.now() - last_look > LOOK_AGAIN:
        return warn(
            "{package}",
            "{version} of Debian {release}; newer ones were last looked for on {day}",
            "Run `deploy/bootstrap engine`, or start hub-ext again: it fetches what Debian mended.",
            package=package.name,
            version=package.version,
            release=package.release,
            day=last_look.date() if last_look else Phrase("an unknown day"),
        )
    if _upstream(package.version) < Version(floor):
        return _below_floor(package.name, package.version, why)
    return ok(
        "{package}",
        "{version} of Debian {release}, unpacked and not installed; published on {day}",
        package=package.name,
        version=package.version,
        release=package.release,
        day=package.published or Phrase("an unknown day"),
    )


def _installed(name: str, floor: str, why: str | Phrase) -> Finding:
    try:
        state = host.debian_package(name)
    except host.HostError as error:
        return warn(
            "{package}",
            "{why}",
            "Compare its version with its publisher's advisories.",
            package=name,
            why=error.fact,
        )
    if state is None:
        return warn(
            "{package}",
            "not a package of this host; cannot be verified",
            "See that it has {why}.",
            package=name,
            why=why,
        )
    if not state.candidate:
        return warn(
            "{package}",
            "{version}; the package lists are missing",
            "Run `apt-get update`.",
            package=name,
            version=state.installed,
        )
    if not state.current:
        return fail(
            "{package}",
            "{version}, and {candidate} is offered",
            "Run `apt-get update && apt-get install {package}`.",
            package=name,
            version=state.installed,
            candidate=state.candidate,
        )
    if _upstream(state.installed) >= Version(floor):
        return ok("{package}", "{version}", package=name, version=state.installed)
    return _below_floor(name, state.installed, why)


def _below_floor(name: str, version: str, why: str | Phrase) -> Finding:
    """Debian mends its packages without moving to the upstream version of the floor."""
    return warn(
        "{package}",
        "{version} is the newest here; whether it has {why} cannot be verified",
        "Look the names up in the distribution's security tracker.",
        package=name,
        version=version,
        why=why,
    )


def _upstream(debian: str) -> Version:
    """The upstream part of "1:26.1.5+dfsg1-9": 26.1.5."""
    text = debian.split(":", 1)[-1].split("-")[0]
    for sign in "+~":
        text = text.split(sign)[0]
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")
