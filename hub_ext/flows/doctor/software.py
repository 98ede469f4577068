"""Versions below the security floors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib.metadata import version as python_version

from packaging.version import InvalidVersion, Version

from hub_ext.adapters import host
from hub_ext.flows.doctor.finding import Finding, fail, ok, warn
from hub_ext.flows.site import Site

# Distribution: the first version whose known escapes or takeovers of accounts are mended, and which they are.
PYTHON_FLOORS = {
    "jupyterhub": ("6.1.1", "security releases up to 6.1.1"),
    "dockerspawner": ("13.0.0", "CVE-2023-48311"),
    "oauthenticator": ("17.0.0", "allow_all defaults to no"),
}
# Debian mends its own packages without moving to the upstream version that is named here.
DEBIAN_FLOORS = {
    "docker.io": ("26.0", "recursive read-only mounts, volume subpaths, no DNS from internal networks"),
    "runc": ("1.2.8", "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881"),
    "containerd": ("1.7.29", "CVE-2024-25621, CVE-2025-64329"),
    "docker-registry": ("2.8.2", "CVE-2023-2253"),
}


async def check(site: Site) -> tuple[Finding, ...]:
    """A finding for each package that stands between a notebook and the host."""
    return await asyncio.to_thread(lambda: (*_python(), *_debian()))


def _python() -> Iterator[Finding]:
    for name, (floor, why) in PYTHON_FLOORS.items():
        here = python_version(name)
        if Version(here) >= Version(floor):
            yield ok(name, here)
        else:
            yield fail(name, f"{here} is below {floor} ({why})", "Install the locked versions again.")


def _debian() -> Iterator[Finding]:
    for name, (floor, why) in DEBIAN_FLOORS.items():
        try:
            state = host.debian_package(name)
        except host.HostError as error:
            yield warn(name, error.message, "Compare its version with its publisher's advisories.")
            continue
        if state is None:
            yield warn(name, "not a package of this host; cannot be verified", f"See that it has {why}.")
        elif not state.candidate:
            yield warn(name, f"{state.installed}; the package lists are missing", "Run `apt-get update`.")
        elif not state.current:
            yield fail(
                name,
                f"{state.installed}, and {state.candidate} is offered",
                f"Run `apt-get update && apt-get install {name}`.",
            )
        elif _upstream(state.installed) >= Version(floor):
            yield ok(name, state.installed)
        else:
            yield warn(
                name,
                f"{state.installed} is the newest here; whether it has {why} cannot be verified",
                "Look the names up in the distribution's security tracker.",
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
