"""What the doctor says of a host that an earlier version changed. No engine is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_ext.adapters import host_release
from hub_ext.adapters.host import HostError
from hub_ext.adapters.host_release import HostRelease, RaisedPackage
from hub_ext.expression.phrases import phrase_text
from hub_ext.flows.doctor import Finding, Health, release
from hub_ext.flows.site import Site, open_site
from hub_ext.services.console.words import translator
from hub_ext.settings import Settings

BOOKWORM = HostRelease("bookworm", ("bookworm",), ())
RAISED = (
    RaisedPackage("base-files", "13.8+deb13u8", "12.4+deb12u15"),
    RaisedPackage("libc6", "2.41-12+deb13u5", "2.36-9+deb12u14"),
)
FILES = (
    Path("/etc/apt/preferences.d/hub-ext-trixie"),
    Path("/etc/apt/sources.list.d/hub-ext-trixie.sources"),
)
WAY_BACK = "deploy/bootstrap restore-host"


async def findings(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    files: tuple[Path, ...] = (),
    seen: HostRelease | HostError = BOOKWORM,
) -> tuple[Finding, ...]:
    def read() -> HostRelease:
        if isinstance(seen, HostError):
            raise seen
        return seen

    monkeypatch.setattr(host_release, "leftover_files", lambda: files)
    monkeypatch.setattr(host_release, "host_release", read)
    site: Site = open_site(Settings(tmp_path))
    try:
        return await release.check(site)
    finally:
        site.close()


async def test_a_host_as_its_sources_say_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (found,) = await findings(tmp_path, monkeypatch)
    assert (found.health, str(found.check)) == (Health.OK, "host")
    assert str(found.seen) == "Debian bookworm, as its package sources say"


async def test_a_raised_host_is_a_failure_with_packages_files_and_the_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen = HostRelease("trixie", ("bookworm",), RAISED)
    left, raised = await findings(tmp_path, monkeypatch, files=FILES, seen=seen)
    assert (left.health, raised.health) == (Health.WARN, Health.FAIL)
    assert all(str(path) in str(left.seen) for path in FILES)
    assert "libc6 2.41-12+deb13u5 > 2.36-9+deb12u14" in str(raised.seen)
    assert "base-files 13.8+deb13u8 > 12.4+deb12u15" in str(raised.seen)
    assert WAY_BACK in str(left.advice)
    assert WAY_BACK in str(raised.advice)


async def test_files_alone_are_a_warning_and_nothing_else_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (found,) = await findings(tmp_path, monkeypatch, files=FILES)
    assert found.health is Health.WARN
    assert WAY_BACK in str(found.advice)


async def test_what_cannot_be_read_is_a_warning_beside_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    why = HostError("This host has no apt: versions cannot be verified.")
    left, unknown = await findings(tmp_path, monkeypatch, files=FILES, seen=why)
    assert (left.health, unknown.health) == (Health.WARN, Health.WARN)
    assert "no apt" in str(unknown.seen)
    assert unknown.advice


@pytest.mark.parametrize(
    ("codename", "offered", "raised", "health"),
    [
        ("bookworm", ("bookworm", "trixie"), (), Health.OK),
        ("forky", ("sid",), (), Health.OK),
        ("forky", ("forky", "sid"), (), Health.OK),
        ("forky", ("sid",), RAISED, Health.WARN),
        ("bookworm", ("trixie",), (), Health.WARN),
        ("bookworm", ("bookworm",), RAISED, Health.WARN),
        ("trixie", ("bookworm",), (), Health.WARN),
        ("trixie", ("bookworm",), RAISED, Health.FAIL),
    ],
)
def test_only_another_release_is_a_failure_and_what_is_unclear_a_warning(
    codename: str, offered: tuple[str, ...], raised: tuple[RaisedPackage, ...], health: Health
):
    found = release.release_finding(HostRelease(codename, offered, raised))
    assert found.health is health
    assert bool(found.advice) is (health is not Health.OK)


def test_the_failure_in_french():
    found = release.release_finding(HostRelease("trixie", ("bookworm",), RAISED[1:]))
    words = [phrase_text(text, "fr", translator("fr")) for text in (found.check, found.seen, found.advice)]
    assert words == [
        "hôte",
        "les paquets de base sont ceux de Debian trixie, alors que ses propres sources de paquets"
        " proposent bookworm : libc6 2.41-12+deb13u5 > 2.36-9+deb12u14",
        "Lancez `deploy/bootstrap restore-host` : la commande énumère ce qu’elle annule,"
        " et demande d’abord votre accord.",
    ]
