"""The closed network and its firewall: made once, never bent, found out when altered."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub_ext.adapters.engine import (
    Engine,
    check_firewall,
    ensure_firewall,
    gateway,
    remove_firewall,
)
from hub_ext.adapters.engine.network import network_body
from hub_ext.errors import NetworkError, SettingsError
from hub_ext.settings import Settings


def iptables(*arguments: str, tool: str = "iptables") -> str:
    return subprocess.run([tool, "-w", *arguments], check=True, capture_output=True, text=True).stdout


def rules(settings: Settings) -> list[str]:
    """Every rule of both families that names this instance."""
    told = iptables("-S") + iptables("-S", tool="ip6tables")
    return [line for line in told.splitlines() if settings.instance in line]


async def test_made_once_and_as_it_must_be(engine: Engine, closed_network: Settings) -> None:
    await engine.ensure_network()
    await engine.ensure_network()
    assert await engine.check_network() == ()
    made = (await engine._call("look", "GET", f"/networks/{closed_network.network_name}")).json()
    assert (made["Internal"], made["EnableIPv6"]) == (True, False)
    assert made["Options"]["com.docker.network.bridge.enable_icc"] == "false"
    assert made["IPAM"]["Config"][0]["Gateway"] == gateway(closed_network)
    assert closed_network.network_bridge in [name for _, name in socket.if_nameindex()]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Internal", False),
        ("IPAM", {"Config": [{"Subnet": "SUBNET", "Gateway": "GATEWAY2"}]}),
        ("Options", {"com.docker.network.bridge.name": "BRIDGE"}),
        ("Labels", {}),
    ],
)
async def test_another_network_of_that_name_is_refused_and_left_alone(
    closed_network: Settings, key: str, value: object
) -> None:
    other = replace(
        closed_network, instance=f"{closed_network.instance[:8]}n", network_subnet="10.214.250.0/28"
    )
    engine = Engine(other)
    body = network_body(other)
    text = {"SUBNET": "10.214.250.0/28", "GATEWAY2": "10.214.250.2", "BRIDGE": other.network_bridge}
    body[key] = _filled(value, text)
    try:
        await engine._call("make", "POST", "/networks/create", body=body)
        with pytest.raises(NetworkError, match=f"{key} is .* instead of") as caught:
            await engine.ensure_network()
        assert "docker network rm" in caught.value.advice
        assert str((await engine.check_network())[0]).startswith(f"{key} is")
        left = (await engine._call("look", "GET", f"/networks/{other.network_name}")).json()
        assert left["Name"] == other.network_name
    finally:
        await engine.remove_network()
        await engine.remove_network()
        engine.close()


def _filled(value: object, text: dict[str, str]) -> object:
    if isinstance(value, dict):
        return {key: _filled(inner, text) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, text) for inner in value]
    return text.get(value, value) if isinstance(value, str) else value


async def test_a_subnet_in_use_is_said(closed_network: Settings) -> None:
    other = replace(closed_network, instance=f"{closed_network.instance[:8]}o")
    engine = Engine(other)
    with pytest.raises(NetworkError, match="is in use") as caught:
        await engine.ensure_network()
    assert "network_subnet" in caught.value.advice
    assert [str(one) for one in await engine.check_network()] == [f"there is no network {other.network_name}"]
    engine.close()


@pytest.mark.parametrize("subnet", ["10.0.0.1/24", "8.8.8.0/24", "10.0.0.0/30", "fd00::/64", "x"])
def test_a_subnet_that_cannot_serve_is_refused(settings: Settings, subnet: str) -> None:
    with pytest.raises(SettingsError, match="network_subnet"):
        gateway(replace(settings, network_subnet=subnet))


@pytest.fixture
def fenced(closed_network: Settings) -> Iterator[Settings]:
    """The firewall in place, and put right again afterwards."""
    ensure_firewall(closed_network)
    yield closed_network
    ensure_firewall(closed_network)


def test_putting_it_up_twice_changes_nothing(fenced: Settings) -> None:
    before = rules(fenced)
    ensure_firewall(fenced)
    assert rules(fenced) == before
    assert check_firewall(fenced) == ()


BROKEN = {
    "drop-gone": ["-D", "{chain}", "-j", "DROP"],
    "hole": ["-I", "{chain}", "-p", "tcp", "--dport", "22", "-j", "ACCEPT"],
    "jump-gone": ["-D", "INPUT", "-i", "{bridge}", "-j", "{chain}"],
    "forward-drop-gone": ["-D", "{chain}-FWD", "-j", "DROP"],
    "forward-out-gone": ["-D", "{forward}", "-i", "{bridge}", "-j", "{chain}-FWD"],
    "forward-in-gone": ["-D", "{forward}", "-o", "{bridge}", "-j", "{chain}-FWD"],
    "out-drop-gone": ["-D", "{chain}-OUT", "-j", "DROP"],
    "out-hole": ["-I", "{chain}-OUT", "-p", "tcp", "--dport", "8888", "-j", "ACCEPT"],
    "lo-flushed": ["-F", "{chain}-LO"],
    "lo-gone": ["-D", "OUTPUT", "-o", "lo", "-p", "tcp", "-j", "{chain}-LO"],
    "earlier-lo": ["-I", "OUTPUT", "1", "-o", "lo", "-s", "192.0.2.1/32", "-j", "ACCEPT"],
    "out-gone": ["-D", "OUTPUT", "-o", "{bridge}", "-j", "{chain}-OUT"],
    "flushed": ["-F", "{chain}"],
    "earlier": ["-I", "INPUT", "1", "-s", "192.0.2.1/32", "-j", "ACCEPT"],
    "earlier-forward": ["-I", "FORWARD", "1", "-i", "lo", "-j", "ACCEPT"],
    "earlier-output": ["-I", "OUTPUT", "1", "-d", "192.0.2.1/32", "-j", "ACCEPT"],
    "earlier-wild": ["-I", "INPUT", "1", "-i", "br+", "-s", "192.0.2.1/32", "-j", "ACCEPT"],
}


@pytest.mark.parametrize("name", BROKEN)
def test_whatever_is_altered_is_found_and_mended(fenced: Settings, name: str) -> None:
    text = {"chain": f"HUB-EXT-{fenced.instance}", "bridge": fenced.network_bridge}
    # An engine of our own has no chain for its users' rules.
    text["forward"] = "DOCKER-USER" if "-N DOCKER-USER" in iptables("-S") else "FORWARD"
    before = rules(fenced)
    change = [word.format(**text) for word in BROKEN[name]]
    iptables(*change)
    try:
        assert check_firewall(fenced) != ()
        ensure_firewall(fenced)
        assert check_firewall(fenced) == ()
        assert sorted(rules(fenced)) == sorted(before)
    finally:
        if name.startswith("earlier"):
            iptables("-D", change[1], *change[3:])


_LISTEN = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    print(flush=True)
    server.accept()
"""


def answers_as(uid: int, port: int) -> bool:
    """Whether a program of that user is heard at that port of loopback."""
    words = ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
    listening = subprocess.Popen(
        [*words, "/usr/bin/python3", "-I", "-c", _LISTEN, str(port)], stdout=subprocess.PIPE
    )
    assert listening.stdout is not None
    try:
        assert listening.stdout.readline() == b"\n"
        socket.create_connection(("127.0.0.1", port), 1.5).close()
        return True
    except TimeoutError:
        return False
    finally:
        listening.kill()
        listening.wait()
        listening.stdout.close()


def test_nobody_answers_in_the_place_of_hub_and_console(fenced: Settings) -> None:
    """Their ports are anybody's while they start again; front and gate would believe what they hear."""
    for port in (fenced.hub_port, fenced.console_port):
        assert not answers_as(54321, port)
        assert answers_as(0, port), "the control: root's own are heard"
    with socket.create_server(("127.0.0.1", 0)) as free:
        other = free.getsockname()[1]
    assert answers_as(54321, other), "the control: at another port"


def test_ipv6_is_closed_and_found_open(fenced: Settings) -> None:
    chain = f"HUB-EXT-{fenced.instance}"
    iptables("-F", chain, tool="ip6tables")
    assert any("ip6tables" in str(problem) for problem in check_firewall(fenced))
    ensure_firewall(fenced)
    assert iptables("-S", chain, tool="ip6tables").splitlines()[-1] == f"-A {chain} -j DROP"


def test_another_instance_s_rules_before_ours_do_no_harm(fenced: Settings) -> None:
    other = replace(fenced, instance=f"{fenced.instance[:8]}p", network_subnet="10.214.251.0/28")
    ensure_firewall(other)
    try:
        assert check_firewall(fenced) == ()
        assert check_firewall(other) == ()
    finally:
        remove_firewall(other)
    assert rules(other) == []
    remove_firewall(other)
    assert check_firewall(fenced) == ()


def test_a_machine_without_iptables_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(NetworkError, match="not installed") as caught:
        ensure_firewall(settings)
    assert "apt-get install iptables" in caught.value.advice


def test_a_user_who_may_not_is_told(closed_network: Settings, tmp_path: Path) -> None:
    """As nobody, in a process of its own."""
    code = f"""
        import os
        from pathlib import Path
        from hub_ext.adapters.engine import firewall
        from hub_ext.settings import Settings
        os.setgid(65534), os.setuid(65534)
        try:
            firewall.ensure_firewall(Settings(state_dir=Path("/"), instance={closed_network.instance!r}))
        except Exception as error:
            print(type(error).__name__, error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("NetworkError iptables failed"), done.stdout + done.stderr
    assert "as root" in done.stdout


def test_the_rules_outlive_a_restart_of_an_engine(tmp_path: Path, settings: Settings) -> None:
    """A second engine in a network namespace of its own, so that nobody's engine is restarted."""
    name = f"{settings.instance}-ns"
    subprocess.run(["ip", "netns", "add", name], check=True)
    inside = ["nsenter", f"--net=/run/netns/{name}"]
    folder = Path("/run", name)  # sockets need a short path
    folder.mkdir()
    other = replace(settings, engine_url=f"unix://{folder}/s", network_subnet="10.214.252.0/28")
    try:
        subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
        with _engine(inside, folder):
            asyncio.run(_ensure(other))
            _firewall(inside, other, "ensure_firewall")
            assert _firewall(inside, other, "check_firewall") == "()"
        subprocess.run([*inside, "iptables", "-F", "FORWARD"], check=True)
        assert "FORWARD" in _firewall(inside, other, "check_firewall")
        with _engine(inside, folder):
            assert _firewall(inside, other, "check_firewall") == "()"
            # The control: it did write the rules that are its own again.
            told = subprocess.run(
                [*inside, "iptables", "-S", "FORWARD"], check=True, capture_output=True, text=True
            ).stdout
            assert other.network_bridge in told
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
        subprocess.run(["umount", "--quiet", folder / "d"], check=False)  # dockerd mounts it on itself
        shutil.rmtree(folder, ignore_errors=True)


def test_an_engine_that_starts_later_and_a_flush_are_found_and_mended(
    tmp_path: Path, settings: Settings
) -> None:
    """In a network namespace of its own, where an engine of ours would have written no rule."""
    name = f"{settings.instance}-nl"
    subprocess.run(["ip", "netns", "add", name], check=True)
    inside = ["nsenter", f"--net=/run/netns/{name}"]
    folder = Path("/run", name)
    folder.mkdir()

    def mended() -> bool:
        _firewall(inside, settings, "ensure_firewall")
        return _problems(inside, settings) == ""

    try:
        subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
        assert mended()
        with _engine(inside, folder):
            assert "lets other rules decide before" in _problems(inside, settings)
            assert mended()
            subprocess.run([*inside, "nft", "flush", "ruleset"], check=True)
            assert "missing" in _problems(inside, settings)
            assert mended()
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
        subprocess.run(["umount", "--quiet", folder / "d"], check=False)
        shutil.rmtree(folder, ignore_errors=True)


class _engine:
    """A dockerd in a namespace, up while the block runs."""

    def __init__(self, inside: list[str], folder: Path) -> None:
        self.command = [
            *inside,
            *("dockerd", "--config-file", "/dev/null", "--data-root", f"{folder}/d"),
            *("--exec-root", f"{folder}/e", "--pidfile", f"{folder}/pid", "-H", f"unix://{folder}/s"),
        ]
        self.folder = folder

    def __enter__(self) -> None:
        self.log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)
        for _ in range(200):
            if "API listen on" in (self.folder / "log").read_text():
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


async def _ensure(settings: Settings) -> None:
    engine = Engine(settings)
    await engine.ensure_network()
    engine.close()


def _problems(inside: list[str], settings: Settings) -> str:
    """What is wrong with the rules in there, without the switches of a bridge that is not there."""
    told = _firewall(inside, settings, "check_firewall")
    return " ".join(one for one in told.split("Phrase(") if "{tool}" in one)


def _firewall(inside: list[str], settings: Settings, verb: str) -> str:
    code = f"""
        from pathlib import Path
        from hub_ext.adapters.engine import firewall
        from hub_ext.settings import Settings
        print(firewall.{verb}(Settings(state_dir=Path("/"), instance={settings.instance!r},
            network_subnet={settings.network_subnet!r}, hub_port={settings.hub_port})))
    """
    done = subprocess.run(
        [*inside, sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
