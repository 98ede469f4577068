"""A small image from this machine's own programs: enough to run `find` and `sh` in a container."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

PROGRAMS = ("find", "sh")


def make(name: str, engine_url: str) -> None:
    """Import the image under that name. Seconds."""
    paths = {Path(shutil.which(program) or "") for program in PROGRAMS}
    for program in tuple(paths):
        told = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        paths |= {Path(found) for found in re.findall(r"(/\S+) \(0x", told)}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path in sorted(paths):
            member = tar.gettarinfo(path.resolve(), arcname=str(path).lstrip("/"))
            with path.open("rb") as file:
                tar.addfile(member, file)
    subprocess.run(
        ["docker", "--host", engine_url, "import", "-", name],
        input=packed.getvalue(),
        capture_output=True,
        check=True,
    )


def remove(name: str, engine_url: str) -> None:
    """Remove the image."""
    subprocess.run(["docker", "--host", engine_url, "rmi", "-f", name], capture_output=True, check=True)
