"""`hub-ext reconcile` and the firewall's rules; what else it mends: tests/cli/test_volume.py."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from hub_ext.adapters.engine import check_firewall, ensure_firewall
from hub_ext.model import ActorKind, AuditEvent, Verb
from hub_ext.settings import Settings
from tests.cli.conftest import Terminal


@pytest.fixture
def altered(typed: Terminal, closed_network: Settings) -> Iterator[Settings]:
    """The site on the closed network, one of whose chains somebody has flushed."""
    config = typed.folder / "config.py"
    of_network = ("instance", "engine_url", "network_subnet", "hub_port", "console_port")
    lines = [f"c.HubExt.{name} = {getattr(closed_network, name)!r}\n" for name in of_network]
    config.write_text(config.read_text() + "".join(lines))
    ensure_firewall(closed_network)
    subprocess.run(["iptables", "-w", "-F", f"HUB-EXT-{closed_network.instance}"], check=True)
    yield closed_network
    ensure_firewall(closed_network)


def test_a_dry_run_says_it_and_a_run_mends_it(
    typed: Terminal, altered: Settings, events: Callable[[], list[AuditEvent]]
) -> None:
    rule = f"iptables: the rules of chain HUB-EXT-{altered.instance} are missing or altered"
    assert f"would: the firewall's rules are put back: {rule}" in typed.done("reconcile", "--dry-run")
    assert typed.read("reconcile", "--dry-run")["firewall"] == [rule]
    assert check_firewall(altered) != ()
    assert events() == []

    assert f"the firewall's rules are put back: {rule}" in typed.done("reconcile")
    assert check_firewall(altered) == ()
    (event,) = events()
    assert (event.verb, event.facts["problems"]) == (Verb.RECONCILE_MENDED, [rule])
    assert event.actor.kind is ActorKind.HOST_USER
    assert typed.read("reconcile")["firewall"] == []
    assert "put back" not in typed.done("reconcile")


def test_rules_are_put_back_while_the_engine_is_down(typed: Terminal, altered: Settings) -> None:
    config = typed.folder / "config.py"
    config.write_text(config.read_text() + f"c.HubExt.engine_url = 'unix://{typed.folder}/none.sock'\n")
    assert "engine" in typed.refused("reconcile")
    assert check_firewall(altered) == ()


def test_a_firewall_that_cannot_be_read_is_told_after_the_rest(
    typed: Terminal, altered: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.setattr(shutil, "which", lambda *_, **__: None)
        answer = typed("reconcile")
    assert answer.status == 1
    assert "iptables is not installed" in answer.err
    assert "agree" not in answer.out
