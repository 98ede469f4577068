"""hub-ext on an untouched Debian: it works, and the host stays as it was but for what was listed."""

from __future__ import annotations

import re

from tests.install.explanations import unexplained
from tests.install.installation import CLONE, Installation
from tests.support.host_state import HostState

# Rules, interface and mount of a release's engine, which stay until the next start of the host.
_RULES_OF_INSTALLED_ENGINE = re.compile(r"docker0|\bDOCKER(-[A-Z0-9-]+)?\b|:FORWARD DROP")
_INTERFACES_OF_INSTALLED_ENGINE = {"docker0"}
_MOUNTS_OF_INSTALLED_ENGINE = {"/var/lib/docker"}


def has_private_engine(installation: Installation) -> bool:
    """Debian 12's own engine is too old; from Debian 13 on the release's is installed."""
    return installation.release == "bookworm"


def new_packages(installation: Installation, state: HostState) -> set[str]:
    return state.packages.keys() - installation.before.packages.keys()


def new_mounts(installation: Installation, state: HostState) -> set[str]:
    new = set(state.mounts - installation.before.mounts)
    return new if has_private_engine(installation) else new - _MOUNTS_OF_INSTALLED_ENGINE


def test_a_notebook_computes(installation: Installation) -> None:
    assert installation.printed == "45\n569\n"


def test_no_package_was_raised_or_removed(installation: Installation) -> None:
    before = installation.before.packages
    for state in (installation.running, installation.cleaned):
        assert {name: state.packages.get(name) for name in before} == before


def test_new_packages_were_listed(installation: Installation) -> None:
    names = {name.partition(":")[0] for name in new_packages(installation, installation.running)}
    assert names - installation.listed == set()


def test_packages_were_shown_before_they_were_installed(installation: Installation) -> None:
    shown, installing, _ = installation.run_output.partition("Installing ")
    assert installing
    assert re.search(r"\d+ packages, \d+ MB to fetch, \d+ MB on disk", shown)
    assert {
        name for name in installation.listed if not re.search(rf"^ *{re.escape(name)} ", shown, re.M)
    } == set()


def test_clean_state_leaves_the_packages_and_names_them(installation: Installation) -> None:
    left = {name.partition(":")[0] for name in new_packages(installation, installation.cleaned)}
    assert left == {name.partition(":")[0] for name in new_packages(installation, installation.running)}
    last = installation.clean_output.splitlines()[-1]
    assert left - set(last.split()) == set()


def test_the_private_engine_is_not_installed(installation: Installation) -> None:
    installed = new_packages(installation, installation.running)
    assert ("docker.io" in installed) is not has_private_engine(installation)
    assert ("runc" in installed) is not has_private_engine(installation)


def test_apt_keeps_its_sources_and_preferences(installation: Installation) -> None:
    for state in (installation.running, installation.cleaned):
        changed = state.new_files(installation.before) | state.changed_files(installation.before)
        assert {path for path in changed if path.startswith("etc/apt")} == set()


def test_files_in_etc_while_it_runs(installation: Installation) -> None:
    before, state = installation.before, installation.running
    changed = state.new_files(before) | state.changed_files(before)
    of_ours = r"etc/docker(/certs\.d(/[\d.:]+(/ca\.crt)?)?)?"
    if not has_private_engine(installation):
        of_ours += r"|etc/docker/daemon\.json"
    paths = {path for path in changed if path.startswith("etc/") and not re.fullmatch(of_ours, path)}
    assert unexplained(installation.files, state, paths) == set()


def test_files_after_clean_state(installation: Installation) -> None:
    before, state = installation.before, installation.cleaned
    new = state.new_files(before)
    strict = state.changed_files(before) | {path for path in new if path.startswith("etc/")}
    assert unexplained(installation.files, state, strict) == set()
    # What is large or may be somebody else's stays, and is named.
    assert unexplained(installation.files, state, new - strict, named_in=installation.clean_output) == set()


def test_the_base_system_is_as_it_was(installation: Installation) -> None:
    """No file that was there before was changed, but for those in which packages note what they are."""
    changed = installation.running.changed_files(installation.before)
    assert unexplained(installation.files, installation.running, changed) == set()


def test_an_interrupt_ends_every_process(installation: Installation) -> None:
    assert installation.running.processes
    assert installation.stopped.processes == ()
    assert new_mounts(installation, installation.stopped) == set()


def test_nothing_runs_after_clean_state(installation: Installation) -> None:
    state = installation.cleaned
    assert state.processes == ()
    assert new_mounts(installation, state) == set()
    assert installation.containers == ()
    assert installation.volumes == ()
    assert f"{CLONE}/.state" not in state.files


def test_the_network_after_clean_state(installation: Installation) -> None:
    before, state = installation.before, installation.cleaned
    interfaces = state.interfaces - before.interfaces
    rules = [line for line in state.firewall if line not in before.firewall]
    if has_private_engine(installation):
        assert interfaces == set()
        assert rules == []
    else:
        assert interfaces <= _INTERFACES_OF_INSTALLED_ENGINE
        assert [line for line in rules if not _RULES_OF_INSTALLED_ENGINE.search(line)] == []
    assert "HUB-EXT" not in " ".join(rules)
