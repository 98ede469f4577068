"""What an administrator does on an untouched Debian: `make run`, a visit, Ctrl-C, `make clean-state`.

The host is looked at before, between and afterwards.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hub_ext.cli.setup.layout import CHECKOUT
from hub_ext.cli.setup.steps import Say
from tests.install.console import Console
from tests.support import debian_root
from tests.support.host_state import HostState, files_of_packages
from tests.support.namespaced_host import NamespacedHost

# Where the administrator cloned to.
CLONE = "srv/hub-ext"
# Of these only their being there is looked at: the state, and what engines keep.
_CLOSED = (f"{CLONE}/.state", f"{CLONE}/.git", "var/lib/docker", "var/lib/containerd")
_RESEARCHER = "alice"
_READY_SECONDS = 900
_VISIT_SECONDS = 180
_STOP_SECONDS = 120
_CLEAN_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Installation:
    """What was seen: `running` is the host while hub-ext was ready, `stopped` the same after Ctrl-C.

    `listed` are the packages that the bootstrap said it would install, `files` what the packages that are new
    brought; `containers` and `volumes` are what an engine in /var/lib/docker kept.
    """

    release: str
    before: HostState
    running: HostState
    stopped: HostState
    cleaned: HostState
    listed: frozenset[str]
    files: frozenset[str]
    containers: tuple[str, ...]
    volumes: tuple[str, ...]
    run_output: str
    clean_output: str
    printed: str
    seconds: dict[str, float]


class Phases:
    """How long each part took."""

    def __init__(self, release: str, say: Say) -> None:
        self.seconds: dict[str, float] = {}
        self.release = release
        self._say = say

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        self._say(f"{self.release}: {name}")
        yield
        self.seconds[name] = round(time.monotonic() - began, 1)


def perform(release: str, kept: Path, say: Say) -> Installation:
    """All of it, on a fresh host of that release. `kept` is a folder that outlives the run.

    Raises AssertionError, CalledProcessError or TimeoutExpired where a part fails; logs are kept in any case.
    """
    phases = Phases(release, say)
    work = kept / "install" / release
    _remove(work)  # of a run that was killed
    work.mkdir(parents=True)
    try:
        with phases("making the root"):
            debian_root.unpack(release, kept / "roots", work / "root")
            clone = ("git", "clone", "--quiet", "--no-hardlinks", CHECKOUT, work / "root" / CLONE)
            subprocess.run(clone, check=True)
        host = NamespacedHost(work / "root")
        try:
            return _story(host, work, phases)
        finally:
            host.stop()
    finally:
        say(f"{release}: {json.dumps(phases.seconds)}")
        _keep_logs(work, kept / "artefacts" / f"install-{release}")
        _remove(work)


def _story(host: NamespacedHost, work: Path, phases: Phases) -> Installation:
    state = host.root / CLONE / ".state"
    before = HostState.of(host, _CLOSED)
    with phases("make run"):
        run = Console(host, work / "run.log", "make", "run", folder=f"/{CLONE}")
        run.wait_for(r"^\[ *\d+ s\] Ready$", _READY_SECONDS)
        url, accounts = run.wait_for(r"^(http://\S+)  (.+)$", _STOP_SECONDS).groups()
    with phases("a researcher's visit"):
        printed = _visit(host, url, accounts)
    running = HostState.of(host, _CLOSED)
    listing = state / "installed-packages"
    listed = frozenset(listing.read_text().split() if listing.exists() else ())
    with phases("Ctrl-C"):
        run.interrupt()
        run.wait(_STOP_SECONDS)
    stopped = HostState.of(host, _CLOSED)
    shutil.copytree(state / "logs", work / "logs")
    for log in state.glob("engine/*.log"):
        shutil.copy(log, work / "logs")
    with phases("make clean-state"):
        variables = {"HUB_EXT_YES": "1"}
        clean = Console(
            host, work / "clean.log", "make", "clean-state", folder=f"/{CLONE}", variables=variables
        )
        assert clean.wait(_CLEAN_SECONDS) == 0, clean.text
    cleaned = HostState.of(host, _CLOSED)
    return Installation(
        phases.release,
        before,
        running,
        stopped,
        cleaned,
        listed=listed,
        files=frozenset(files_of_packages(host.root, running.packages.keys() - before.packages.keys())),
        containers=_names(host.root / "var/lib/docker/containers"),
        volumes=_names(host.root / "var/lib/docker/volumes"),
        run_output=run.text,
        clean_output=clean.text,
        printed=printed,
        seconds=phases.seconds,
    )


def _visit(host: NamespacedHost, url: str, accounts: str) -> str:
    """What a notebook printed for the researcher among these accounts ("name / password  name / …")."""
    passwords = dict(account.split(" / ") for account in accounts.split("  "))
    command = host.network_words(sys.executable, "-m", "tests.install.visit", url, _RESEARCHER)
    visit = subprocess.run(
        command,
        input=passwords[_RESEARCHER],
        text=True,
        capture_output=True,
        cwd=CHECKOUT,
        timeout=_VISIT_SECONDS,
    )
    assert visit.returncode == 0, visit.stderr
    return visit.stdout


def _names(folder: Path) -> tuple[str, ...]:
    """The folders in it, none where it is not there."""
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir())) if folder.is_dir() else ()


def _remove(work: Path) -> None:
    # Should a mount be left after all, nothing of what is mounted is removed.
    subprocess.run(("rm", "-rf", "--one-file-system", work), check=True)


def _keep_logs(work: Path, artefacts: Path) -> None:
    shutil.rmtree(artefacts, ignore_errors=True)
    artefacts.mkdir(parents=True)
    state = work / "root" / CLONE / ".state"
    logs = (*work.glob("*.log"), *work.glob("logs/*"), *state.glob("logs/*"), *state.glob("engine/*.log"))
    for log in logs:
        if log.is_file():
            shutil.copy(log, artefacts)
