"""Tells the Hub what this server's kernels do.

Jupyter counts a kernel's messages as activity, so one that computes for hours without a word looks idle, and
would be culled. While any kernel is busy this extension therefore counts as activity itself; the single-user
server reports that to the Hub as it does all activity. Beside it, the state of each kernel and the time of
last use go to the Hub's `/api/hub-ext/kernels/NAME`, from where the culler reads them, and can be seen at
`hub-ext/activity` here.

An open page is no use. It asks for kernels, sessions and files every few seconds, and to jupyter_server, as
to the proxy, each such request is activity: a tab that nobody looks at would keep its server for ever. What
counts is what a kernel or a terminal does, a page that is loaded, and files, kernels and terminals that are
made, changed or deleted.
"""

from typing import Any

from hub_ext_activity.reporter import ActivityReporter

__version__ = "1.0.0"


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "hub_ext_activity"}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    ActivityReporter(parent=serverapp).start()
