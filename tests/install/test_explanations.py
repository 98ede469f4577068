"""A change that no package explains is found; the tests of an installation rest on that."""

from __future__ import annotations

import pytest

from tests.install.explanations import unexplained
from tests.support.host_state import HostState

BROUGHT = frozenset({"usr", "usr/sbin", "usr/sbin/iptables-nft", "etc", "etc/init.d", "etc/init.d/docker"})


def state_with(**files: str) -> HostState:
    return HostState({}, files, (), frozenset(), frozenset(), ())


@pytest.mark.parametrize(
    ("path", "description"),
    [
        ("usr/sbin/iptables-legacy", "lrwxrwxrwx 0:0 -> iptables-nft"),
        ("etc/init.d/docker", "-rwxr-xr-x 0:0 abc"),
        ("etc/alternatives/iptables", "lrwxrwxrwx 0:0 -> /usr/sbin/iptables-nft"),
        ("etc/rc2.d/S01docker", "lrwxrwxrwx 0:0 -> ../init.d/docker"),
        ("etc/systemd/system/multi-user.target.wants/x.service", "lrwxrwxrwx 0:0 -> /sbin/iptables-nft"),
        ("etc/passwd-", "-rw-r--r-- 0:0 abc"),
        ("var/lib/dpkg/info/iptables.list", "-rw-r--r-- 0:0 1 1"),
    ],
)
def test_explained_by_a_package(path: str, description: str) -> None:
    folder = path.rpartition("/")[0]
    state = state_with(**{"sbin": "lrwxrwxrwx 0:0 -> usr/sbin", folder: "drwxr-xr-x 0:0", path: description})
    assert unexplained(BROUGHT, state, {folder, path}) == set()


@pytest.mark.parametrize(
    ("path", "description"),
    [
        ("etc/apt/preferences.d/pin", "-rw-r--r-- 0:0 abc"),
        ("etc/rc2.d/S01other", "lrwxrwxrwx 0:0 -> ../init.d/other"),
        ("opt/thing", "-rw-r--r-- 0:0 1 1"),
    ],
)
def test_not_explained(path: str, description: str) -> None:
    assert unexplained(BROUGHT, state_with(**{path: description}), {path}) == {path}


def test_only_the_topmost_folder_is_answered() -> None:
    paths = {"opt/thing", "opt/thing/bin", "opt/thing/bin/program"}
    assert unexplained(BROUGHT, state_with(), paths) == {"opt/thing"}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("It leaves /opt/thing (2 MB).", set()),
        ("It leaves /opt.", set()),
        ("It leaves /opt/thing/bin.", {"opt/thing/file"}),
        ("It leaves /opt/things.", {"opt/thing"}),
    ],
)
def test_named_by_a_text(text: str, left: set[str]) -> None:
    paths = {"opt/thing", "opt/thing/file"}
    assert unexplained(BROUGHT, state_with(), paths, named_in=text) == left
