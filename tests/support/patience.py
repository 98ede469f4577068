"""How much longer than on a usual machine a test waits for what is bound to come.

HUB_EXT_TEST_PATIENCE is a factor, 1 by default. `make test-guest` sets it: there the processor
is emulated.
It stretches only how long a test waits, never what the product promises.
"""

from __future__ import annotations

import os

FACTOR = float(os.environ.get("HUB_EXT_TEST_PATIENCE", "1"))


def patient(seconds: float) -> float:
    """These seconds of a usual machine on this one."""
    return seconds * FACTOR
