"""A launch through the real Hub, by every way in which options reach it."""

from __future__ import annotations

import pytest

from tests.support.hub import RunningHub, Visitor

GOOD = {"project": "onco", "environment": "answer", "datasets": ["mri"], "size": "s", "gpus": 0}


@pytest.fixture
def ada(hub: RunningHub) -> Visitor:
    visitor = hub.visitor("ada")
    for name in visitor.servers():
        visitor.stop(name)
    return visitor


def test_the_form_starts_a_server(hub: RunningHub, ada: Visitor) -> None:
    assert 'value="onco"' in ada.page("spawn").text
    ada.submit(GOOD)
    ada.wait_ready()
    ada.stop()
