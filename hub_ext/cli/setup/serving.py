"""The gate, the front and the Hub of a prepared instance: started, watched, and stopped in order."""

from __future__ import annotations

import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hub_ext.cli.setup.children import Child, start
from hub_ext.cli.setup.front import Front
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


@dataclass(slots=True)
class Serving:
    """The processes of one instance. Starting any of them again is safe: servers outlive them all.

    `ready_seconds` is how long the Hub may take until it answers.
    """

    ready: Prepared
    say: Say
    ready_seconds: float = _READY_SECONDS
    gate: Child | None = field(default=None, init=False)
    front: Child | None = field(default=None, init=False)
    hub: Child | None = field(default=None, init=False)
    _front: Front = field(init=False)
    _certificate_fault: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._front = Front(self.ready.settings, self.ready.layout)

    @property
    def url(self) -> str:
        """Where browsers connect."""
        return self.ready.settings.browser_url

    def start(self) -> None:
        """Returns once the URL answers with the Hub's own page. Raises ChildFailed."""
        self.say("Starting the gate, the front and the Hub")
        self.restart_gate()
        self.restart_front()
        self.hub = self._start_hub()
        self.hub.wait_ready(self.answers, self.ready_seconds)

    def watch(self) -> None:
        """Start again whatever ends by itself, for ever. Raises ChildFailed when that is no use."""
        starts: deque[float] = deque(maxlen=_MOST_RESTARTS)
        while True:
            time.sleep(_WATCH_SECONDS)
            self.rotate_logs()
            self.renew_certificate()
            self.restart_registry()
            for child, again in self._ended():
                failure = child.failed(f"{child.name} ended by itself")
                if len(starts) == _MOST_RESTARTS and time.monotonic() - starts[0] < _WITHIN_SECONDS:
                    raise failure
                starts.append(time.monotonic())
                self.say(f"{failure.message.splitlines()[0]} starting it again. {failure.advice}")
                again()

    def stop(self) -> None:
        """Stop the Hub, which stops the notebook servers, then the gate and the front. Data stays."""
        if self.hub is not None:
            self.hub.stop(_HUB_STOP_SECONDS)
        if self.gate is not None:
            self.gate.stop()
        # The front takes the run folder away once it is empty.
        self.ready.settings.gate_socket.unlink(missing_ok=True)
        self._front.stop()

    def restart_gate(self) -> None:
        """A gate, in place of one that ended. It finds the routes and the secrets of running servers."""
        layout = self.ready.layout
        self.gate = start(
            "The gate",
            [sys.executable, "-m", "hub_ext.gate"],
            layout.logs / "gate.log",
            environment={**os.environ, CONFIG_VARIABLE: str(layout.settings_file)},
        )

    def restart_front(self) -> None:
        """A front, in place of one that ended."""
        self.front = self._front.start()

    def rotate_logs(self) -> None:
        """Begin new logs where the present ones have grown: whoever sends requests fills them."""
        self._front.rotate()
        registry = self.ready.registry
        for child in (self.gate, self.front, self.hub, registry.child if registry else None):
            if child is not None:
                child.rotate()

    def renew_certificate(self) -> None:
        """Looks once a minute for a renewed certificate, has the front show it, and says what came of it."""
        try:
            if self._front.renew():
                self.say("The front shows the renewed certificate")
                self._certificate_fault = ""
        except SettingsError as error:
            if str(error) != self._certificate_fault:
                self.say(f"{error.message} The front goes on with the former one. {error.advice}")
            self._certificate_fault = str(error)

    def restart_registry(self) -> None:
        """A registry in place of one that ended: without it no image is pulled, checked or published."""
        registry = self.ready.registry
        if registry is not None and registry.start_again():
            self.say(
                f"The registry ended by itself: starting it again. The whole log is {registry.child.log}."
            )

    def restart_hub(self) -> None:
        """A Hub, in place of one that ended."""
        assert self.hub is not None
        self.hub.stop(0)  # services of its that are still there hold its ports
        self.hub = self._start_hub()

    def answers(self) -> bool:
        """Whether the Hub answers through the front. Raises ChildFailed where gate or front are gone."""
        for child, _ in self._ended():
            if child is not self.hub:
                raise child.failed(f"{child.name} ended")
        try:
            with _direct().open(f"{self.ready.settings.front_url}/hub/api/", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _ended(self) -> list[tuple[Child, Callable[[], None]]]:
        children = [
            (self.gate, self.restart_gate),
            (self.front, self.restart_front),
            (self.hub, self.restart_hub),
        ]
        return [(child, again) for child, again in children if child is not None and not child.running]

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
    # Our own front, whose certificate is for other names than 127.0.0.1; nothing secret is said.
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=anybody)
    )
