"""Firefox ESR, by WebDriver BiDi."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.browsers.bidi import BiDi, BiDiError
from tests.support.browsers.driver import PAGE_SECONDS, Browser, Cookie, Page, PageError, Profile
from tests.support.patience import patient

PROGRAM = "/usr/bin/firefox-esr"
START_SECONDS = 60.0
# Nothing that the browser asks of anybody by itself; windows that scripts open are not held back, and calls
# are made on loopback too.
PREFERENCES: Mapping[str, Any] = {
    "remote.active-protocols": 1,
    "dom.disable_open_during_load": False,
    "media.peerconnection.ice.loopback": True,
    "browser.shell.checkDefaultBrowser": False,
    "browser.aboutwelcome.enabled": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.server": "",
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "browser.safebrowsing.provider.mozilla.updateURL": "",
    "browser.safebrowsing.provider.google4.updateURL": "",
    "browser.safebrowsing.provider.google5.updateURL": "",
    "intl.accept_languages": "en-GB, en",
}


class FirefoxPage(Page):
    """A tab of Firefox."""

    def __init__(self, bidi: BiDi, context: str) -> None:
        self._bidi, self._context = bidi, context

    def open(self, address: str) -> None:
        """Navigate."""
        try:
            self._bidi.send("browsingContext.navigate", context=self._context, url=address, wait="complete")
        except BiDiError as error:
            raise PageError(str(error)) from error

    def activate(self) -> None:
        """Bring it to the front."""
        self._bidi.send("browsingContext.activate", context=self._context)

    def _evaluate(self, function: str) -> str:
        try:
            answer = self._bidi.send(
                "script.callFunction",
                functionDeclaration=function,
                awaitPromise=True,
                userActivation=True,
                target={"context": self._context},
            )
        except BiDiError as error:
            raise PageError(str(error)) from error
        if answer["type"] != "success":
            raise PageError(str(answer["exceptionDetails"]["text"]))
        return str(answer["result"]["value"])


class FirefoxProfile(Profile):
    """A user context."""

    def __init__(self, bidi: BiDi) -> None:
        self._bidi = bidi
        self._context = str(bidi.send("browser.createUserContext", acceptInsecureCerts=True)["userContext"])
        self._partition = {"type": "storageKey", "userContext": self._context}

    def page(self) -> FirefoxPage:
        """A new tab."""
        made = self._bidi.send("browsingContext.create", type="tab", userContext=self._context)
        return FirefoxPage(self._bidi, str(made["context"]))

    def cookies(self) -> list[Cookie]:
        """All of them."""
        found = self._bidi.send("storage.getCookies", partition=self._partition)["cookies"]
        return [Cookie(one["name"], one["value"]["value"], one["domain"], one["path"]) for one in found]

    def add_cookie(self, cookie: Cookie) -> None:
        """Puts it there."""
        value = {"type": "string", "value": cookie.value}
        facts = {"name": cookie.name, "value": value, "domain": cookie.domain, "path": cookie.path}
        self._bidi.send("storage.setCookie", cookie=facts, partition=self._partition)

    def close(self) -> None:
        """Ends it."""
        self._bidi.send("browser.removeUserContext", userContext=self._context)


class Firefox(Browser):
    """Debian's Firefox ESR, with a folder of its own."""

    name = "firefox"

    def __init__(self, preferences: Mapping[str, Any] | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="firefox-"))
        _write_preferences(self._folder / "user.js", {**PREFERENCES, **(preferences or {})})
        self._log = self._folder / "log"
        command = [PROGRAM, "--headless", "--no-remote", "--profile", str(self._folder)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--remote-debugging-port", "0"],
                env=os.environ | {"HOME": str(self._folder), "MOZ_CRASHREPORTER_DISABLE": "1"},
                stdout=log,
                stderr=log,
            )
        try:
            self._bidi = BiDi(self._address(), patient(PAGE_SECONDS))
            self._bidi.send("session.new", capabilities={})
        except BaseException:
            self._end()
            raise

    def profile(self) -> FirefoxProfile:
        """A fresh profile."""
        return FirefoxProfile(self._bidi)

    def close(self) -> None:
        """Ends it."""
        try:
            self._bidi.close()
        finally:
            self._end()

    def _address(self) -> str:
        """Where it listens, once it says so. Raises AssertionError."""
        end = time.monotonic() + patient(START_SECONDS)
        while True:
            log = self._log.read_text(errors="replace")
            if listens := re.search(r"WebDriver BiDi listening on (ws://\S+)", log):
                return listens[1]
            assert self._process.poll() is None, log
            assert time.monotonic() < end, log
            time.sleep(0.1)

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(patient(20))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _write_preferences(path: Path, preferences: Mapping[str, Any]) -> None:
    def literal(value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if isinstance(value, int) else '"' + str(value).replace('"', '\\"') + '"'

    lines = (f'user_pref("{name}", {literal(value)});\n' for name, value in preferences.items())
    path.write_text("".join(lines))
