"""Who watches over a site's processes, with turns of a test's in place of its waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from hub_ext.cli.setup import serving as serving_module
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.instance import Prepared
from hub_ext.cli.setup.registry import Running
from hub_ext.cli.setup.serving import Serving
from hub_ext.cli.setup.steps import Say
from tests.front.conftest import Site


class EndOfWatch(BaseException):
    """A turn raises it."""


def serving_of(site: Site, say: Say, registry: Running | None = None) -> Serving:
    """Those processes, none of them but the registry started yet."""
    engine = EngineFacts("unix:///nowhere", "26", managed=False, cdi=False, rootless=False)
    return Serving(Prepared(site.layout, site.settings, engine, registry), say)


def watch(serving: Serving, turn: Callable[[], object]) -> None:
    """Watch until a turn raises EndOfWatch; one is called before each look."""

    def sleep(seconds: float) -> None:
        assert seconds < 1
        turn()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serving_module, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))
        with pytest.raises(EndOfWatch):
            serving.watch()
