"""A revision of an image, tried: its notebook server started as a launch starts it, then its own smoke test.

Each running check says every few seconds that somebody is at it. Whoever finds one of which that is not true
any more writes down its end; its container and volumes are taken away by the next sweep.
"""

from hub_ext.flows.image_check.reading import failed, find, listing, verdicts, why
from hub_ext.flows.image_check.rows import begin, call_off, settle
from hub_ext.flows.image_check.running import run
from hub_ext.flows.image_check.trial import sweep

__all__ = ["begin", "call_off", "failed", "find", "listing", "run", "settle", "sweep", "verdicts", "why"]
