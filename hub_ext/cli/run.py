"""`hub-ext run`: set-up where something is missing, then the instance in the foreground."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from hub_ext.cli.app import Command
from hub_ext.cli.setup import content, instance
from hub_ext.cli.setup.layout import Layout, state_dir
from hub_ext.cli.setup.serving import Serving
from hub_ext.cli.setup.steps import Steps

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Run(Command):
    """Prepare what is missing, start the registry, the proxy and the Hub, and show the URL.

    Ctrl-C stops what was started, notebook servers included, and keeps the data. The state lies in
    HUB_EXT_STATE (.state); HUB_EXT_PORT (8000) and HUB_EXT_BIND (127.0.0.1) say where browsers connect.
    """

    examples = "HUB_EXT_PORT=8080 hub-ext run"

    def run(self) -> int:
        """Run until a signal. Status 0 after Ctrl-C or SIGTERM."""
        say = Steps()
        with _until_signalled():
            url = instance.bind_url()
            with instance.prepared(Layout(state_dir()), url, say) as ready:
                ready, built = content.ensure_images(ready, say)
                accounts = content.ensure_demo(ready, built, say)
                serving = Serving(ready, say)
                try:
                    serving.start()
                    say("Ready")
                    print(_line(serving.url, accounts), flush=True)
                    serving.watch()
                finally:
                    say("Stopping; the data stays")
                    serving.stop()
        return 0


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
