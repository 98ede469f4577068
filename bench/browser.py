"""A real Chromium in which somebody new signs in, starts a server and runs a cell; its cache is empty.

Slow links are Chromium's own throttling (`Network.emulateNetworkConditions`): all that a page receives shares
the link's rate, and each request waits for the link's delay once. There is no slow start and no handshake in
it, and WebSockets and this machine's work in the browser go at full speed.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from playwright.async_api import Browser, CDPSession, Page, WebSocket, async_playwright
from playwright.async_api import TimeoutError as PlaywrightTimeout

from bench.instance import PASSWORD, Instance
from bench.ours import DATASET, PROJECT, SIZE
from tests.support import chromium

LONGEST_MS = 120_000
_TRY_MS = 2_000
_TRIES = 10
_CARD = '.jp-LauncherCard[data-category="Notebook"]'


@dataclass(frozen=True, slots=True)
class Link:
    """What is between a browser and this machine; `delay_ms` is there and back."""

    name: str
    mbit_s: float
    delay_ms: float


FAST_LINK, SLOW_LINK = Link("20mbit", 20, 30), Link("5mbit", 5, 60)


@dataclass(frozen=True, slots=True)
class FirstResult:
    """Seconds from the click on Start. `tries` is how often the cell had to be run until it ran."""

    launcher: float
    result: float
    tries: int


@asynccontextmanager
async def opened() -> AsyncIterator[Browser]:
    """The browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium.PROGRAM, args=list(chromium.FLAGS)
        )
        yield browser
        await browser.close()


class Newcomer:
    """Somebody who is signed in to a Hub, on one page of a fresh profile."""

    def __init__(self, instance: Instance, name: str, page: Page, session: CDPSession) -> None:
        self.page = page
        self.requests = 0
        self.received_bytes = 0
        self._instance = instance
        self._name = name
        self._session = session
        self._channel = asyncio.Event()
        page.set_default_timeout(LONGEST_MS)
        page.on("websocket", self._watch_channel)

    async def throttle(self, link: Link | None) -> None:
        """From now on by that link."""
        rate = link.mbit_s * 1e6 / 8 if link else -1
        conditions = {"offline": False, "latency": link.delay_ms if link else 0}
        conditions |= {"downloadThroughput": rate, "uploadThroughput": rate}
        await self._session.send("Network.emulateNetworkConditions", conditions)

    async def count(self) -> None:
        """Count requests, and bytes as they came over the wire with their headers, from now on."""

        def ended(event: dict[str, float]) -> None:
            self.requests += 1
            self.received_bytes += int(event["encodedDataLength"])

        def redirected(event: dict[str, dict[str, float]]) -> None:
            if "redirectResponse" in event:
                ended(event["redirectResponse"])

        self._session.on("Network.loadingFinished", ended)
        self._session.on("Network.requestWillBeSent", redirected)

    async def load_lab(self) -> float:
        """Opens JupyterLab on the server that runs; seconds until its launcher is drawn."""
        began = time.perf_counter()
        await self.page.goto(f"{self._instance.url}/user/{self._name}/lab", wait_until="commit")
        await self._launcher()
        return time.perf_counter() - began

    async def choose(self) -> None:
        """Fills in the form of a start."""
        page = self.page
        await page.goto(f"{self._instance.url}/hub/spawn")
        if self._instance.kind == "stock":
            await page.select_option("select[name=image]", "python")
            return
        for field, value in (
            ("project", PROJECT),
            ("environment", "python"),
            ("datasets", DATASET),
            ("size", SIZE),
        ):
            await page.check(f"input[name={field}][value={value}]:not(:disabled)")

    async def start_and_run(self) -> FirstResult:
        """Clicks on Start in the filled form, opens a notebook as soon as it can be, and runs a cell."""
        began = time.perf_counter()
        await self.page.locator("#spawn_form [type=submit]").click(no_wait_after=True)
        await self._launcher()
        launcher = time.perf_counter() - began
        await self.open_notebook()
        tries = await self._run("print(6 * 7)", "42")
        return FirstResult(launcher, time.perf_counter() - began, tries)

    async def open_notebook(self) -> None:
        """A new one, by the launcher; returns when its kernel can be spoken to."""
        await self.page.locator(_CARD).first.click()
        # JupyterLab calls the kernel idle before its channel is open, and a cell run then is lost.
        await asyncio.wait_for(self._channel.wait(), LONGEST_MS / 1000)
        await self.page.locator(
            ".jp-NotebookPanel .jp-Notebook-ExecutionIndicator[data-status=idle]"
        ).first.wait_for()

    async def _launcher(self) -> None:
        await self.page.locator(_CARD).first.wait_for()

    async def _run(self, code: str, result: str) -> int:
        cell = self.page.locator(".jp-Notebook .jp-CodeCell").first
        output = cell.locator(".jp-OutputArea-output", has_text=re.compile(re.escape(result)))
        for number in range(1, _TRIES + 1):
            await cell.locator(".cm-content").click()
            await self.page.keyboard.press("Control+A")
            await self.page.keyboard.insert_text(code)
            await self.page.keyboard.press("Shift+Enter")
            with suppress(PlaywrightTimeout):
                await output.first.wait_for(timeout=_TRY_MS)
                return number
        raise RuntimeError(f"{self._instance.kind}: the cell did not run")

    def _watch_channel(self, opened: WebSocket) -> None:
        if "/channels" in opened.url:
            opened.on("framereceived", lambda _: self._channel.set())


@asynccontextmanager
async def newcomer(browser: Browser, instance: Instance, name: str) -> AsyncIterator[Newcomer]:
    """That person on the Hub's home page, signed in at full speed; the profile is gone afterwards."""
    context = await browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
    try:
        page = await context.new_page()
        session = await context.new_cdp_session(page)
        await session.send("Network.enable")
        # Not by the address alone: where a server runs, that leads into it.
        await page.goto(f"{instance.url}/hub/login?next=%2Fhub%2Fhome")
        await page.fill("#username_input", name)
        await page.fill("#password_input", PASSWORD)
        await page.click("#login_submit")
        await page.wait_for_url("**/hub/home")
        yield Newcomer(instance, name, page, session)
    finally:
        await context.close()
