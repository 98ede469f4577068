"""The way to a running server as the Hub, the gate and the culler keep it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Route:
    """A route that the Hub asked its proxy for.

    `routespec` is [HOST]/PATH/, as JupyterHub writes it; `target` is a URL; `facts` are the Hub's: for a
    server "user" and "server_name".
    """

    routespec: str
    target: str
    facts: Mapping[str, Any]
    created: datetime


@dataclass(frozen=True, slots=True)
class ServerUse:
    """When a person last used a server through the gate: an open page's own polls are no use."""

    launch_id: str
    last_use: datetime


@dataclass(frozen=True, slots=True)
class BusySince:
    """Since when a kernel of a launch has been busy at every look of the culler."""

    launch_id: str
    since: datetime
