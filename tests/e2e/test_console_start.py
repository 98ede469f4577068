"""A console that cannot start: the Hub and everybody's servers go on, and it comes once it can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from hub_ext.cli.setup.layout import Layout
from tests.support.console import PREFIX, chain_verified, enter, program
from tests.support.hub import RunningHub, Visitor, wait_for


@pytest.fixture
def broken(hub: RunningHub, layout: Layout) -> Iterator[Path]:
    """The Hub, started anew where the console's secret cannot be read; mended afterwards."""
    secret = hub.site.settings.secrets_dir / "console-cookie-secret"
    kept = secret.with_suffix(".kept")
    hub.kill()
    if secret.exists():
        secret.rename(kept)
    secret.mkdir()
    try:
        hub.start_again()
        yield secret
    finally:
        mend(secret)
        assert hub.serving.hub is not None
        if not hub.serving.hub.running:
            hub.start_again()
        enter(hub, "otto")  # returns once the console is there


def mend(secret: Path) -> None:
    """The console's secret as it was."""
    kept = secret.with_suffix(".kept")
    if secret.is_dir():
        secret.rmdir()
    if kept.exists():
        kept.rename(secret)


def asked(hub: RunningHub, path: str) -> requests.Response:
    """GET of an address of the console by nobody in particular, through the front."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"{hub.url}{PREFIX}{path}", timeout=30, allow_redirects=False)


def test_a_console_that_cannot_start_takes_nobody_along(hub: RunningHub, broken: Path) -> None:
    serving = hub.serving.hub
    assert serving is not None
    # Until it listens, the front answers 503 of its own.
    wait_for(lambda: "The console is not ready" in asked(hub, "").text, 30)
    page = asked(hub, "images?q=%3Cscript%3E")
    assert page.status_code == 503
    assert "Retry-After" in page.headers
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for words in ("The console is not ready", "La console n’est pas prête", "/hub/home"):
        assert words in page.content.decode()
    assert "<script" not in page.text
    program_s = asked(hub, "api/v1/images")
    assert (program_s.status_code, program_s.json()["status"]) == (503, 503)
    wait_for(lambda: "console-cookie-secret" in hub.log(), 30)  # the reason
    assert "console-cookie-secret" not in page.text
    # Longer than the Hub waits for a service that does not answer.
    ada: Visitor = hub.visitor("ada")
    options = {"project": "onco", "environment": "answer", "datasets": ["mri"], "size": "s", "gpus": 0}
    assert ada.page("home").status_code == ada.page("spawn").status_code == 200
    assert ada.api("POST", "server", options).status_code in (201, 202)
    ada.wait_ready()
    ada.forget()
    assert serving.running
    process = serving.process.pid
    mend(broken)
    otto = enter(hub, "otto")
    assert program(otto).call("GET", "me").json()["username"] == "otto"
    assert serving.running
    assert serving.process.pid == process


def test_what_was_verified_is_known_to_the_next_console(hub: RunningHub) -> None:
    known = chain_verified(program(enter(hub, "audra")))
    hub.kill()
    hub.start_again()
    audra = enter(hub, "audra")
    state = program(audra).call("GET", "audit/chain").json()
    assert (state["ok"], state["whole_at"]) == (True, known["whole_at"])
    assert state["verified"] >= known["verified"]
    assert "From its first event on it was last verified on" in audra.page("audit").text
