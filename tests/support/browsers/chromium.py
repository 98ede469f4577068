"""Chromium, by Playwright."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Error, sync_playwright
from playwright.sync_api import Page as PlaywrightPage

from tests.support import chromium
from tests.support.browsers.driver import PAGE_SECONDS, Browser, Cookie, Page, PageError, Profile
from tests.support.patience import patient

# Chromium gives up what it loads when an interface of the host comes or goes, as those of containers do.
_NETWORK_CHANGED = "net::ERR_NETWORK_CHANGED"
_TRIES = 5


class ChromiumPage(Page):
    """A tab of Chromium."""

    def __init__(self, page: PlaywrightPage) -> None:
        self.page = page
        page.set_default_timeout(patient(PAGE_SECONDS) * 1000)

    def open(self, address: str) -> None:
        """Navigate."""
        for tries_left in reversed(range(_TRIES)):
            try:
                self.page.goto(address)
                return
            except Error as error:
                if not (tries_left and _NETWORK_CHANGED in error.message):
                    raise PageError(error.message) from error

    def activate(self) -> None:
        """Bring it to the front."""
        self.page.bring_to_front()

    def _evaluate(self, function: str) -> str:
        try:
            return str(self.page.evaluate(function))
        except Error as error:
            raise PageError(error.message) from error


class ChromiumProfile(Profile):
    """A browser context."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context

    def page(self) -> ChromiumPage:
        """A new tab."""
        return ChromiumPage(self._context.new_page())

    def cookies(self) -> list[Cookie]:
        """All of them."""
        return [
            Cookie(cookie["name"], cookie["value"], cookie["domain"], cookie["path"])
            for cookie in self._context.cookies()
        ]

    def add_cookie(self, cookie: Cookie) -> None:
        """Puts it there."""
        self._context.add_cookies(
            [{"name": cookie.name, "value": cookie.value, "domain": cookie.domain, "path": cookie.path}]
        )

    def close(self) -> None:
        """Ends it."""
        self._context.close()


class Chromium(Browser):
    """Debian's Chromium."""

    name = "chromium"

    def __init__(self, *flags: str) -> None:
        self._driver = sync_playwright().start()
        self._browser = self._driver.chromium.launch(
            executable_path=chromium.PROGRAM, args=[*chromium.FLAGS, *flags]
        )

    def profile(self) -> ChromiumProfile:
        """A fresh profile."""
        return ChromiumProfile(self._browser.new_context(locale="en-GB", ignore_https_errors=True))

    def close(self) -> None:
        """Ends it."""
        self._browser.close()
        self._driver.stop()
