"""Tells the Hub what this server's kernels do.

Jupyter counts a kernel's messages as activity, so one that computes for hours without a word looks idle, and
would be culled. While any kernel is busy this extension therefore counts as activity itself; the single-user
server reports that to the Hub as it does all activity. Beside it, the state of each kernel goes to the Hub's
`/api/hub-ext/kernels/NAME`, from where the culler reads it, and can be seen at `hub-ext/activity` here.
"""

from typing import Any

from hub_ext_activity.reporter import ActivityReporter

__version__ = "1.0.0"


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "hub_ext_activity"}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    ActivityReporter(parent=serverapp).start()
