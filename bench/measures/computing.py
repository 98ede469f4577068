"""To come."""

from __future__ import annotations

from bench.run import Run


async def measure(run: Run) -> None:
    """computing."""
    run.missing["computing"] = "not yet"
