"""What an open page asks by itself is no use of a server."""

from __future__ import annotations

import pytest

from hub_ext.model.interfaces import JUPYTER_POLLS
from hub_ext.policy.polls import is_poll


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "api"),
        ("GET", "api/kernels"),
        ("GET", "api/kernels/1b2"),
        ("GET", "api/kernels/1b2/channels"),
        ("GET", "api/sessions"),
        ("GET", "api/terminals"),
        ("GET", "terminals/websocket/1"),
        ("GET", "api/kernelspecs"),
        ("GET", "api/contents"),
        ("GET", "api/contents/folder/a%20b"),
        ("GET", "api/status"),
        ("GET", "api/me"),
        ("GET", "api/metrics/v1"),
        ("GET", "api/events/subscribe"),
        ("GET", "lab/api/settings"),
        ("GET", "lab/api/workspaces/default"),
        ("PUT", "lab/api/workspaces/default"),
        ("HEAD", "static/lab/main.js"),
    ],
)
def test_polls(method: str, path: str) -> None:
    assert is_poll(JUPYTER_POLLS, method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "lab"),
        ("GET", "lab/tree/a.ipynb"),
        ("GET", "tree"),
        ("GET", "notebooks/a.ipynb"),
        ("GET", "files/a.csv"),
        ("POST", "api/kernels"),
        ("POST", "api/kernels/1b2/interrupt"),
        ("POST", "api/sessions"),
        ("PUT", "api/contents/a.ipynb"),
        ("DELETE", "api/terminals/1"),
        ("PUT", "lab/api/settings/x"),
        ("DELETE", "lab/api/workspaces/default"),
        ("GET", "apiary"),
        ("GET", "proxy/8080/api/kernels"),
        ("PROPFIND", "api/kernels"),
    ],
)
def test_uses(method: str, path: str) -> None:
    assert not is_poll(JUPYTER_POLLS, method, path)
