"""The disk of what is brought into the guest: this checkout, its environment, its engine and its images.

All of it lies in the guest at the same paths as here. Files of the state are linked, not copied, until the
image is made of them.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.guest.root import HERE, make_image

SIZE_BYTES = 24 * 1024**3
# Of the state's folder.
PARTS = ("node", "registry", "venv")


def make_disk(
    image: Path,
    *,
    checkout: Path,
    state: Path,
    folders: Iterable[Path],
    environment: Mapping[str, str],
    selections: Sequence[Sequence[str]],
) -> None:
    """Makes the image; `folders` are brought beside the checkout and the state.

    `selections` are the arguments of one run of pytest each.
    """
    staging = image.with_suffix(".staging")
    shutil.rmtree(staging, ignore_errors=True)
    tree = staging / "tree"
    try:
        _copy_checkout(checkout, tree)
        for part in (*(state / name for name in PARTS), *folders):
            _link(part, tree)
        shutil.copy2(HERE / "begin", staging / "begin")
        outside = (state, *folders)
        paths = [checkout, *(path for path in outside if not path.is_relative_to(checkout))]
        _write(staging / "paths", (str(path) for path in paths))
        _write(staging / "selections", (" ".join(selection) for selection in selections))
        known = {**environment, "CHECKOUT": str(checkout), "HUB_EXT_STATE": str(state)}
        _write(staging / "environment", (f"{name}={shlex.quote(value)}" for name, value in known.items()))
        make_image(image, staging, SIZE_BYTES)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _copy_checkout(checkout: Path, tree: Path) -> None:
    """The files that git keeps, or would keep, as they are now."""
    listed = subprocess.run(
        ["git", "-C", str(checkout), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (checkout / name).is_file():
            target = tree / str(checkout).lstrip("/") / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, target)


def _link(folder: Path, tree: Path) -> None:
    """Layers of images too: with their owners, devices and attributes."""
    target = tree / str(folder).lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    linked = subprocess.run(["cp", "-al", folder, target], capture_output=True)
    if linked.returncode:  # on another file system
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", folder, target], check=True)


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))
