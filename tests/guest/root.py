"""The root file system of the guest: Debian as a customer installs it, with systemd, AppArmor and a kernel.

It is of this machine's own release, so that the Python environment made here runs in it, and comes from this
machine's own package sources. It is made once and never written: each run of the guest writes beside it.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from hub_ext.cli.setup import package_sources
from hub_ext.cli.setup.steps import Say

HERE = Path(__file__).parent
UNIT = HERE / "hub-ext-tests.service"
PACKAGES = (
    *("apparmor", "dbus", "init", "kmod", "linux-image-cloud-amd64", "udev"),
    *("ca-certificates", "iproute2", "iptables", "openssl", "procps", "python3", "tzdata"),
)
# Raise the number when what follows changes beside the packages and the unit.
FORM = "1"
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*")
IMAGE_BYTES = 8 * 1024**3
_HOOKS = (
    'echo guest >"$1/etc/hostname"',
    'printf "127.0.0.1 localhost\\n127.0.1.1 guest\\n" >"$1/etc/hosts"',
    # The tests write to the console, so that nobody is to sign in there.
    'chroot "$1" systemctl mask serial-getty@ttyS0.service',
    f'install -m 644 "{UNIT}" "$1/etc/systemd/system/"',
    f'chroot "$1" systemctl enable {UNIT.name}',
)


@dataclass(frozen=True, slots=True)
class Root:
    """A disk image, and the kernel and initial RAM disk that boot it."""

    image: Path
    kernel: Path
    initrd: Path


def ensure_root(folder: Path, say: Say) -> Root:
    """The root of this release in `folder`; made where none was made of the same inputs."""
    release = package_sources.codename()
    made = folder / f"{release}-{_key(release)}"
    root = Root(made / "root.img", made / "vmlinuz", made / "initrd.img")
    if made.exists():
        return root
    for old in folder.glob(f"{release}-*"):
        shutil.rmtree(old)
    say(f"Making a root file system of Debian {release} with systemd and a kernel")
    unfinished = folder / f"unfinished-{release}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    _make(unfinished, release)
    unfinished.rename(made)
    return root


def _key(release: str) -> str:
    inputs = repr([FORM, release, PACKAGES, _LEFT_OUT, _HOOKS, IMAGE_BYTES, UNIT.read_text()])
    return hashlib.sha256(inputs.encode()).hexdigest()[:12]


def _make(folder: Path, release: str) -> None:
    secrets, tree, log = folder / "secrets", folder / "tree", folder / "mmdebstrap.log"
    package_sources.write_secrets(secrets, release=release)
    command = [
        "mmdebstrap",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
        *(f"--customize-hook={hook}" for hook in _HOOKS),
        f"--aptopt={secrets / 'apt.conf'}",
        release,
        str(tree),
        str(secrets / "apt.list"),
    ]
    with log.open("wb") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"mmdebstrap failed:\n{log.read_text(errors='replace')[-2000:]}")
    shutil.rmtree(secrets)
    for name in ("vmlinuz", "initrd.img"):
        shutil.copyfile((tree / name).resolve(), folder / name)
    make_image(folder / "root.img", tree, IMAGE_BYTES)
    shutil.rmtree(tree)


def make_image(image: Path, tree: Path, size: int) -> None:
    """A sparse ext4 image of `size` bytes that holds what lies in `tree`."""
    with image.open("wb") as file:
        file.truncate(size)
    command = ["mke2fs", "-q", "-t", "ext4", "-m", "0", "-d", str(tree), str(image)]
    subprocess.run(command, check=True, capture_output=True)
