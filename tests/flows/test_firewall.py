"""The firewall's rules put back after others altered them, and what is recorded of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from hub_ext.adapters.engine import check_firewall, ensure_firewall, remove_firewall
from hub_ext.adapters.engine import firewall as rules
from hub_ext.adapters.store import Store
from hub_ext.errors import NetworkError
from hub_ext.flows import firewall
from hub_ext.flows.reconcile import RECONCILER
from hub_ext.flows.site import Site
from hub_ext.model import AuditEvent, Verb
from hub_ext.services.reconciler import Reconciler
from hub_ext.settings import Settings

Record = Callable[[], list[AuditEvent]]
FOREIGN = {
    "INPUT": ("-s", "192.0.2.1/32", "-j", "ACCEPT"),
    "FORWARD": ("-i", "lo", "-j", "ACCEPT"),
}


def iptables(*arguments: str, tool: str = "iptables") -> str:
    return subprocess.run([tool, "-w", *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def fenced(site: Site, closed_network: Settings) -> Iterator[Site]:
    """The empty site on the closed network, its firewall in place and put right again afterwards."""
    ensure_firewall(closed_network)
    yield replace(site, settings=closed_network)
    ensure_firewall(closed_network)


def jumps(settings: Settings, tool: str) -> list[str]:
    """The rules outside of our chains by which they are asked."""
    told = iptables("-S", tool=tool).splitlines()
    return [line for line in told if f" -j HUB-EXT-{settings.instance}" in line]


def flush(settings: Settings) -> None:
    iptables("-F", f"HUB-EXT-{settings.instance}-FWD")


def take_jumps_out(settings: Settings) -> None:
    for tool in ("iptables", "ip6tables"):
        for jump in jumps(settings, tool):
            iptables("-D", *jump.split()[1:], tool=tool)


@pytest.fixture
def foreign_rules() -> Iterator[Callable[[Settings], None]]:
    """Puts rules that harm nobody before ours, as an engine does that starts later; removed at the end."""
    put: list[str] = []

    def put_before(settings: Settings) -> None:
        for chain, rule in FOREIGN.items():
            iptables("-I", chain, "1", *rule)
            put.append(chain)

    yield put_before
    for chain in put:
        iptables("-D", chain, *FOREIGN[chain])


@pytest.fixture(params=["flushed", "jumps-gone", "all-gone", "foreign-before"])
def alter(
    request: pytest.FixtureRequest, foreign_rules: Callable[[Settings], None]
) -> Callable[[Settings], None]:
    """What others do to the rules."""
    ways = {"flushed": flush, "jumps-gone": take_jumps_out, "all-gone": remove_firewall}
    return ways.get(request.param, foreign_rules)


async def test_what_others_did_is_mended_and_recorded_once(
    fenced: Site, record: Record, alter: Callable[[Settings], None]
) -> None:
    alter(fenced.settings)
    problems = check_firewall(fenced.settings)
    assert problems != ()

    assert await firewall.mend(fenced, dry_run=True) == problems
    assert check_firewall(fenced.settings) == problems
    assert record() == []

    assert await firewall.mend(fenced) == problems
    assert check_firewall(fenced.settings) == ()
    assert await firewall.mend(fenced) == ()
    (event,) = record()
    assert (event.actor, event.verb) == (RECONCILER, Verb.RECONCILE_MENDED)
    assert event.subject == fenced.settings.network_name
    assert event.facts == {"mend": "firewall-restored", "problems": [str(problem) for problem in problems]}


async def test_where_all_is_well_nothing_is_written(fenced: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def written(*_: object) -> None:
        raise AssertionError("something was written")

    monkeypatch.setattr(Store, "transaction", written)
    monkeypatch.setattr(firewall, "ensure_firewall", written)
    assert await firewall.mend(fenced) == ()


async def test_without_the_closed_network_s_bridge_no_rule_is_written(site: Site, record: Record) -> None:
    elsewhere = replace(site, settings=replace(site.settings, instance="hxnobridge"))
    assert await firewall.mend(elsewhere) == ()
    assert "HUB-EXT-hxnobridge" not in iptables("-S")
    assert record() == []


async def test_what_could_be_mended_is_recorded_beside_a_failure(
    fenced: Site, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IPv4 is mended; ip6tables-restore fails."""
    run = rules._run

    def failing(tool: str, *arguments: str, said: str = "") -> str:
        if tool == "ip6tables-restore":
            raise NetworkError("{tool} failed: {said}.", tool=tool, said="on fire")
        return run(tool, *arguments, said=said)

    take_jumps_out(fenced.settings)
    with monkeypatch.context() as broken:
        broken.setattr(rules, "_run", failing)
        with pytest.raises(NetworkError, match="ip6tables-restore failed"):
            await firewall.mend(fenced)
    (event,) = record()
    assert len(event.facts["problems"]) == 4  # to the host, through it, from it, and at its loopback
    assert all(problem.startswith("iptables: ") for problem in event.facts["problems"])
    assert len(await firewall.mend(fenced)) == 3
    assert len(record()) == 2


async def test_what_cannot_be_mended_is_a_failure_and_no_event(
    fenced: Site, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush(fenced.settings)
    monkeypatch.setattr(firewall, "ensure_firewall", lambda _: None)
    with pytest.raises(NetworkError, match="could not be mended: iptables: the rules of chain"):
        await firewall.mend(fenced)
    assert record() == []


# --- the service ---


async def test_the_service_mends_and_says_what_was_wrong(
    fenced: Site, record: Record, caplog: pytest.LogCaptureFixture
) -> None:
    flush(fenced.settings)
    reconciler = Reconciler(fenced)
    await reconciler.mend_firewall()
    await reconciler.mend_firewall()
    assert check_firewall(fenced.settings) == ()
    assert caplog.text.count("Mended: firewall-restored: iptables: the rules of chain") == 1
    assert len(record()) == 1


@pytest.mark.parametrize("error", [NetworkError("Permission denied."), ZeroDivisionError("a defect")])
async def test_a_failure_is_logged_once_and_tried_again(
    fenced: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def failing(settings: Settings) -> None:
        raise error

    flush(fenced.settings)
    reconciler = Reconciler(fenced)
    with monkeypatch.context() as broken:
        broken.setattr(firewall, "check_firewall", failing)
        for _ in range(3):
            await reconciler.mend_firewall()
    assert caplog.text.count(f"The firewall is not mended: {error}") == 1
    await reconciler.mend_firewall()
    assert check_firewall(fenced.settings) == ()
