"""Fixtures of tests that run in each browser; a module that imports them has browsers of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.browsers.chromium import Chromium
from tests.support.browsers.driver import Browser, Profile
from tests.support.browsers.firefox import Firefox


@pytest.fixture(scope="module", params=[Chromium, Firefox], ids=["chromium", "firefox"])
def each_browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Chromium, then Firefox, running."""
    browser: Browser = request.param()
    yield browser
    browser.close()


@pytest.fixture
def fresh_profile(each_browser: Browser) -> Iterator[Profile]:
    """A new profile of it."""
    profile = each_browser.profile()
    yield profile
    profile.close()
