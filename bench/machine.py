"""What is measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def cores() -> int:
    """Of this machine."""
    return os.cpu_count() or 1


def machine() -> str:
    """Cores, processor, memory, kernel and Python."""
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = platform.python_version()
    return f"{cores()} × {_processor()}, {gib:.0f} GiB, Linux {platform.release()}, Python {python}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
