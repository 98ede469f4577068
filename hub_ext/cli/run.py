"""`hub-ext run`: set-up where something is missing, then the instance in the foreground."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from traitlets import Bool

from hub_ext.cli.app import Command
from hub_ext.cli.setup import content, instance, oidc
from hub_ext.cli.setup.layout import Layout, state_dir
from hub_ext.cli.setup.serving import Serving
from hub_ext.cli.setup.steps import Steps

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Run(Command):
    """Prepare what is missing, start the registry, the gate, the front and the Hub, and show the URL.

    Ctrl-C stops what was started, notebook servers included, and keeps the data. The state lies in
    HUB_EXT_STATE (.state); HUB_EXT_PORT (8000) and HUB_EXT_BIND (127.0.0.1) say where browsers connect.
    """

    examples = """
        HUB_EXT_PORT=8080 hub-ext run
        HUB_EXT_STATE=.state/oidc hub-ext run --oidc
    """
    oidc = Bool(
        False,
        help="Sign in through an OpenID Connect provider of the demo's own, as through an institution's. "
        "The state keeps it: use another one than for the embedded sign-in.",
    ).tag(option=True)

    def run(self) -> int:
        """Run until a signal. Status 0 after Ctrl-C or SIGTERM."""
        say = Steps()
        with _until_signalled():
            url, layout = instance.bind_url(), Layout(state_dir())
            if self.oidc:
                oidc.choose(layout)
            with instance.prepared(layout, url, say) as ready:
                ready, built = content.ensure_images(ready, say)
                accounts = content.ensure_demo(ready, built, say)
                with _provider(layout, ready.settings.browser_url, accounts, say):
                    _serve(Serving(ready, say), accounts, say)
        return 0


@contextmanager
def _provider(layout: Layout, url: str, accounts: dict[str, str], say: Steps) -> Iterator[None]:
    """The instance's own sign-in provider, where it has one."""
    if not oidc.issuer(layout):
        yield
        return
    say(f"Starting the demo's sign-in provider at {oidc.issuer(layout)}")
    child = oidc.start(layout, url, oidc.demo_accounts(accounts))
    try:
        yield
    finally:
        child.stop()


def _serve(serving: Serving, accounts: dict[str, str], say: Steps) -> None:
    try:
        serving.start()
        say("Ready")
        print(_line(serving.url, accounts), flush=True)
        serving.watch()
    finally:
        say("Stopping; the data stays")
        serving.stop()


def _line(url: str, accounts: dict[str, str]) -> str:
    shown = "  ".join(f"{username} / {password}" for username, password in accounts.items())
    return f"{url}  {shown}".rstrip()


class _Signalled(BaseException):
    """A signal asked us to stop."""


@contextmanager
def _until_signalled() -> Iterator[None]:
    """The first signal ends the block; later ones do not disturb what is put in order then."""

    def end(number: int, frame: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise _Signalled

    for number in _SIGNALS:
        signal.signal(number, end)
    try:
        yield
    except _Signalled:
        print(file=sys.stderr)
