"""What others feel: one person's start while another's image is pulled, and while another's server will not end.

The pull is a real one through a forwarder that lets few bytes a second pass; the server ignores SIGTERM for all
the time that it is given.
"""

from __future__ import annotations

from bench.run import Run


async def measure(run: Run) -> None:
    """others_delay_ratio."""
    run.missing["others_delay_ratio"] = "not yet"
