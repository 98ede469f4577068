"""Services and the gate end with the process that started them."""

from __future__ import annotations

import ctypes
import os
import signal
from datetime import UTC, datetime

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


# For the `environment` of a managed service: the Hub's process, and since when it is.
HUB_VARIABLE = "HUB_EXT_HUB_PID"
SINCE_VARIABLE = "HUB_EXT_HUB_SINCE"


def hub_environment() -> dict[str, str]:
    """What services are told of the Hub that this process is."""
    return {HUB_VARIABLE: str(os.getpid()), SINCE_VARIABLE: datetime.now(UTC).isoformat()}


def hub_since() -> datetime | None:
    """When the Hub that started this service began; None where nobody said."""
    told = os.environ.get(SINCE_VARIABLE)
    return datetime.fromisoformat(told) if told else None


def end_with_parent() -> None:
    """Has the kernel end this process when the Hub that started it is gone, also by kill -9."""
    hub = int(os.environ.get(HUB_VARIABLE) or os.getppid())
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # It may have gone before we asked, seconds ago even: Python takes its time to start.
    if os.getppid() != hub:
        os.kill(os.getpid(), signal.SIGTERM)
