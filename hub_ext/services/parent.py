"""Managed services end with the Hub that started them."""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


HUB_VARIABLE = "HUB_EXT_HUB_PID"  # for the `environment` of a managed service


def end_with_parent() -> None:
    """Has the kernel end this process when the Hub that started it is gone, also by kill -9."""
    hub = int(os.environ.get(HUB_VARIABLE) or os.getppid())
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # It may have gone before we asked, seconds ago even: Python takes its time to start.
    if os.getppid() != hub:
        os.kill(os.getpid(), signal.SIGTERM)
