"""The proxy and the Hub of a prepared instance: started, watched, and stopped in order."""

from __future__ import annotations

import os
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable
from pathlib import Path

from hub_ext.adapters.engine import gateway
from hub_ext.cli.setup.children import Child, start
from hub_ext.cli.setup.instance import Prepared
from hub_ext.cli.setup.layout import CHECKOUT
from hub_ext.cli.setup.steps import Say
from hub_ext.config import CONFIG_VARIABLE
from hub_ext.errors import SettingsError

_READY_SECONDS = 60
_WATCH_SECONDS = 0.5
# Above this many ends in a row something is wrong that a new start does not mend.
_MOST_RESTARTS, _WITHIN_SECONDS = 3, 60
# The Hub saves and stops every notebook server before it ends.
_HUB_STOP_SECONDS = 60


class Serving:
    """The proxy and the Hub of one instance. Starting them again is safe: servers outlive both.

    `ready_seconds` is how long the Hub may take until it answers.
    """

    def __init__(self, ready: Prepared, say: Say, *, ready_seconds: float = _READY_SECONDS) -> None:
        self.ready = ready
        self.say = say
        self.ready_seconds = ready_seconds
        self.url = ready.settings.public_url or ready.settings.bind_url
        self.proxy: Child | None = None
        self.hub: Child | None = None

    def start(self) -> None:
        """Returns once the URL answers with the Hub's own page. Raises ChildFailed."""
        self.say("Starting the proxy and the Hub")
        self.proxy = self._start_proxy()
        self.hub = self._start_hub()
        self.hub.wait_ready(self.answers, self.ready_seconds)

    def watch(self) -> None:
        """Start again whatever ends by itself, for ever. Raises ChildFailed when that is no use."""
        starts: deque[float] = deque(maxlen=_MOST_RESTARTS)
        while True:
            time.sleep(_WATCH_SECONDS)
            for child, again in self._ended():
                failure = child.failed(f"{child.name} ended by itself")
                if len(starts) == _MOST_RESTARTS and time.monotonic() - starts[0] < _WITHIN_SECONDS:
                    raise failure
                starts.append(time.monotonic())
                self.say(f"{failure.message.splitlines()[0]} starting it again. {failure.advice}")
                again()

    def stop(self) -> None:
        """Stop the Hub, which stops the notebook servers, then the proxy. Data stays."""
        if self.hub is not None:
            self.hub.stop(_HUB_STOP_SECONDS)
        if self.proxy is not None:
            self.proxy.stop()

    def restart_proxy(self) -> None:
        """A new proxy; the Hub gives it the routes again."""
        self.proxy = self._start_proxy()

    def restart_hub(self) -> None:
        """A new Hub in place of one that ended."""
        assert self.hub is not None
        self.hub.stop(0)  # services of its that are still there hold its ports
        self.hub = self._start_hub()

    def answers(self) -> bool:
        """Whether the Hub answers through the proxy. Raises ChildFailed where the proxy is gone."""
        assert self.proxy is not None
        if not self.proxy.running:
            raise self.proxy.failed("The proxy ended")
        try:
            with _direct().open(f"{self.ready.settings.bind_url}/hub/api/", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _ended(self) -> list[tuple[Child, Callable[[], None]]]:
        ended: list[tuple[Child, Callable[[], None]]] = []
        if self.proxy is not None and not self.proxy.running:
            ended.append((self.proxy, self.restart_proxy))
        if self.hub is not None and not self.hub.running:
            ended.append((self.hub, self.restart_hub))
        return ended

    def _start_proxy(self) -> Child:
        settings, layout = self.ready.settings, self.ready.layout
        script = layout.node / "node_modules/configurable-http-proxy/bin/configurable-http-proxy"
        if not script.exists():
            raise SettingsError(
                "The proxy is not installed.",
                advice="`make run` installs it; or run deploy/bootstrap images.",
            )
        hub = f"http://{gateway(settings)}:{settings.hub_port}"
        address, _, port = settings.bind_url.removeprefix("http://").rpartition(":")
        command = [
            *(str(layout.node / "node"), str(script)),
            *("--ip", address, "--port", port.rstrip("/")),
            *("--api-ip", "127.0.0.1", "--api-port", str(settings.proxy_api_port)),
            *("--default-target", hub, "--error-target", f"{hub}/hub/error"),
        ]
        token = settings.proxy_token_file.read_text(encoding="utf-8").strip()
        return start(
            "The proxy",
            command,
            layout.logs / "proxy.log",
            environment={"PATH": os.environ["PATH"], "CONFIGPROXY_AUTH_TOKEN": token},
        )

    def _start_hub(self) -> Child:
        layout = self.ready.layout
        program = Path(sys.executable).with_name("jupyterhub")
        return start(
            "The Hub",
            [
                *(str(program), "-f", str(CHECKOUT / "jupyterhub_config.py")),
                # We run in the foreground: Ctrl-C ends the sessions too. A Hub that dies leaves them.
                "--JupyterHub.cleanup_servers=True",
            ],
            layout.logs / "hub.log",
            environment={**os.environ, CONFIG_VARIABLE: str(layout.settings_file)},
            folder=layout.hub,
        )


def _direct() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
