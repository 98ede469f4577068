"""Cookies that a server's page sets for the name above its own, in Chromium and in Firefox.

There they reach the Hub and every server: s1.site.localhost has site.localhost above it in both browsers,
as the names of a site's own domain have. Asked at the server's name, Chromium clears both names' cookies,
Firefox those of the server's name alone: the page's link leads on to the Hub's, where it clears the others.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.front.conftest import Site
from tests.support.browsers import scripts
from tests.support.browsers.driver import Profile
from tests.support.certificates import Authority

Make = Callable[..., AbstractContextManager[Site]]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_cookies_that_fill_every_request_are_cleared(
    fresh_profile: Profile, another_site: Make, tmp_path: Path, scheme: str
) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    names = ("site.localhost", "*.site.localhost")
    tls = Authority(keys).issue("server", hosts=names) if scheme == "https" else None
    with another_site(tls=tls, name="site.localhost") as site:
        site.alice.headers, site.alice.body = [("Content-Type", "text/html")], b"a page of a server"
        server = f"{scheme}://s1.site.localhost:{site.port}/user/alice/lab"
        page = fresh_profile.page()
        page.open(server)
        for domain in ("s1.site.localhost", "site.localhost"):
            # The browser drops some when they are many; the front's bound is 31,000.
            assert page.run(scripts.FILL, count=170, letters=3900, domain=domain) > 200_000
            page.open(server)
            assert "Too many cookies" in page.text()
            page.run("setTimeout(() => document.querySelector('a').click())")
            page.wait("return location.pathname == '/hub/home' && document.readyState == 'complete'")
            page.open(server)
            assert page.text() == "a page of a server"
        page.open(f"{scheme}://site.localhost:{site.port}/hub/home")
        assert site.hub.requests[-1].value("cookie") is None
