"""One installation for each release of Debian that hub-ext runs on."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_ext.cli.setup.steps import Steps
from tests.install.installation import Installation, perform
from tests.support.debian_root import RELEASES


@pytest.fixture(scope="module", params=RELEASES)
def installation(request: pytest.FixtureRequest, kept_state: Path) -> Installation:
    """hub-ext installed on an untouched host of that release, used, stopped and removed again."""
    return perform(request.param, kept_state, Steps())
