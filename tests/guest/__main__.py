"""`make test-guest`: what systemd, cgroup v2 and AppArmor decide about, tested in a guest that has them.

    python -m tests.guest [PYTEST-ARGUMENT…]

With arguments, those alone are run in the guest.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

from hub_ext.cli.setup import layout
from hub_ext.cli.setup.steps import Steps
from tests.guest import machine
from tests.guest.brought import make_disk
from tests.guest.root import HERE, ensure_root

LIMIT_SECONDS = 3 * 3600
USUAL_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
# What an emulated processor needs beside a real one.
PATIENCE = "15"
# Each is a run of pytest of its own: the Hub of tests/e2e takes containers of others for strays.
SELECTIONS = (
    (
        "tests/guest/inside",
        "tests/cli/setup/test_private_engine.py",
        "tests/expression/test_docker_engine.py",
        "tests/adapters/test_container_cpu.py",
        "tests/adapters/engine/test_containers.py",
        "tests/adapters/engine/test_bridge_filter.py",
        "tests/flows/test_doctor.py::test_the_run_s_engine_network_and_firewall_are_well",
        "tests/attacks",
    ),
    (
        "tests/e2e/test_launch.py::test_by_the_form",
        "tests/e2e/test_culler.py::test_an_idle_server_is_stopped_and_a_busy_or_silent_one_is_not",
        "tests/e2e/test_revocation.py::test_a_grant_that_is_revoked_ends_the_session[nothing]",
        "tests/e2e/test_kernel_memory.py",
    ),
)


def main(arguments: list[str]) -> int:
    """Prepares the guest, runs it, and says what came of it; 0 where all that was selected ran and passed."""
    say = Steps()
    state, shared = layout.state_dir(), layout.shared_dir()
    folder = state / "guest"
    folder.mkdir(parents=True, exist_ok=True)
    root = ensure_root(folder, say)
    say("Making the images that the guest is brought")
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-s", str(HERE / "test_images.py")], check=True)
    selections = (tuple(arguments),) if arguments else SELECTIONS
    disk, results = folder / "brought.img", folder / "results"
    shutil.rmtree(results, ignore_errors=True)
    say("Making the disk of what the guest is brought")
    make_disk(
        disk,
        checkout=layout.CHECKOUT,
        state=state,
        folders=[shared / "unpacked", shared / "engine"],
        environment=_environment(state),
        selections=selections,
    )
    say(f"Booting the guest; its console: {folder / 'console.log'}")
    begun = time.monotonic()
    try:
        machine.run(root, disk, results, folder / "console.log", print, LIMIT_SECONDS)
    except machine.GuestFailed as error:
        say(str(error))
        return 1
    finally:
        disk.unlink()
    say(f"The guest ran {time.monotonic() - begun:.0f} s; its results: {results}")
    return _judged(results, len(selections))


def _environment(state: Path) -> dict[str, str]:
    programs = layout.programs_dir() / "usr"
    folders = (state / "venv/bin", programs / "sbin", programs / "bin", *USUAL_PATH)
    return {
        "PATH": ":".join(map(str, folders)),
        layout.SHARED_VARIABLE: str(layout.shared_dir()),
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "HUB_EXT_TEST_PATIENCE": os.environ.get("HUB_EXT_TEST_PATIENCE", PATIENCE),
    }


def _judged(results: Path, runs: int) -> int:
    failed = False
    for number in range(1, runs + 1):
        report = results / f"{number}.xml"
        if not report.exists():
            print(f"Run {number} left no report.")
            failed = True
            continue
        counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):  # noqa: S314 - pytest's own
            for name in counts:
                counts[name] += int(suite.get(name, 0))
        status = (results / f"{number}.status").read_text().strip()
        said = ", ".join(f"{count} {name}" for name, count in counts.items())
        print(f"Run {number} of {runs}: {said}, exit status {status}")
        failed = failed or status != "0" or not counts["tests"] or counts["skipped"] > 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
