"""One run of the guest: a machine with Debian's own kernel, cgroup v2 and systemd, without any network.

It is emulated, not virtualised, so that it runs inside a virtual machine too: some ten times slower than the
machine that emulates it. HUB_EXT_GUEST_ACCEL=kvm has it run at full speed where the machine lets it.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from tests.guest.root import Root

ACCEL_VARIABLE = "HUB_EXT_GUEST_ACCEL"
EMULATED = "tcg,thread=multi,tb-size=1024"
CPUS = 2
MEM_MIB = 6144
RESULT_BYTES = 256 * 1024**2
# Written by `begin` before the tests; what the kernel and systemd say before it is for the log only.
BEGINS = "--- pytest"


class GuestFailed(Exception):
    """The guest ended without results."""


def run(
    root: Root, brought: Path, results: Path, log: Path, show: Callable[[str], None], seconds: float
) -> None:
    """Boots the guest, waits for its end, and unpacks what it wrote into the folder `results`.

    The root's image is left as it is: what the guest writes there goes into a file that vanishes with it.
    Raises GuestFailed where the guest gave no results, or not within `seconds`.
    """
    written = brought.with_suffix(".results")
    with written.open("wb") as file:
        file.truncate(RESULT_BYTES)
    try:
        _boot(_command(root, brought, written), log, show, seconds)
        results.mkdir(parents=True, exist_ok=True)
        unpacked = subprocess.run(
            ["tar", "-xf", written, "-C", results, "--no-same-owner"], capture_output=True
        )
        if unpacked.returncode or not any(results.iterdir()):
            raise GuestFailed(f"The guest wrote no results. What its console said is in {log}.")
    finally:
        written.unlink()


def _command(root: Root, brought: Path, written: Path) -> list[str]:
    drives = (
        f"file={root.image},if=virtio,format=raw,snapshot=on,cache=unsafe",
        f"file={brought},if=virtio,format=raw,cache=unsafe",
        f"file={written},if=virtio,format=raw,cache=unsafe",
    )
    return [
        "qemu-system-x86_64",
        *("-accel", os.environ.get(ACCEL_VARIABLE, EMULATED), "-cpu", "max"),
        *("-smp", str(CPUS), "-m", str(MEM_MIB)),
        *("-nic", "none", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot"),
        *("-kernel", str(root.kernel), "-initrd", str(root.initrd)),
        # Mitigations cost an emulated processor a lot, and there is nothing to protect.
        *("-append", "console=ttyS0 root=/dev/vda rw quiet loglevel=1 mitigations=off"),
        *(word for drive in drives for word in ("-drive", drive)),
    ]


def _boot(command: list[str], log: Path, show: Callable[[str], None], seconds: float) -> None:
    # The overlay of the root's image goes there.
    environment = {**os.environ, "TMPDIR": str(log.parent)}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    ) as guest:
        limit = threading.Timer(seconds, guest.kill)
        limit.start()
        try:
            assert guest.stdout is not None
            _follow(guest.stdout, log, show)
        finally:
            overdue = not limit.is_alive()
            limit.cancel()
            guest.kill()
    if overdue:
        raise GuestFailed(f"The guest did not end within {seconds:.0f} s. What its console said is in {log}.")


def _follow(console: object, log: Path, show: Callable[[str], None]) -> None:
    begun = False
    with log.open("w") as file:
        for line in console:  # type: ignore[attr-defined]
            text = line.decode(errors="replace").rstrip()
            file.write(f"{text}\n")
            file.flush()
            begun = begun or text.startswith(BEGINS)
            if begun:
                show(text)
