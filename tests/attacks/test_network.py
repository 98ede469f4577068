"""What a notebook reaches: nothing, on any network."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from hub_ext.adapters.engine import Engine, ensure_firewall, gateway, remove_firewall
from hub_ext.settings import RegistrySettings, Settings
from tests.attacks.cell import Body, Ground, begin, hardened, on_network, printed, run, weakened
from tests.attacks.surroundings import Host, Outside, command, link_local, open_network, outside

TCP, UDP = 8888, 9999
SILENT = {"timeout", "ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL"}


@pytest.fixture(scope="module")
def elsewhere(settings: Settings) -> Any:
    """A host outside, in a network namespace of this machine."""
    with outside(settings.instance) as found:
        yield found


@pytest.fixture(scope="module")
def weak_network(settings: Settings) -> Any:
    """An ordinary Docker network with IPv6: its name and gateway."""
    with open_network(settings) as found:
        yield found


@pytest.fixture
def host(closed_network: Settings, weak_network: tuple[str, str], elsewhere: Outside) -> Any:
    """Listeners on every address of this machine, the Hub's port, and the DNS ports of both gateways."""
    with Host(closed_network, (gateway(closed_network), weak_network[1])) as listening:
        yield listening


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another notebook: its container and address."""

    name: str
    address: str


@pytest_asyncio.fixture
async def neighbours(
    engine: Engine, ground: Ground, weak_network: tuple[str, str]
) -> AsyncIterator[tuple[Neighbour, Neighbour]]:
    """One on the closed network, one on the ordinary one; both answer whoever reaches them."""
    bodies = [hardened(ground), on_network(hardened(ground), weak_network[0])]
    names: list[str] = []
    try:
        for body in bodies:
            names.append(await begin(engine, body, {"serve": ["serve", TCP, UDP, 60]}))
        logs = [await printed(engine, name, "serving") for name in names]
        closed, weak = (Neighbour(name, log.split()[1]) for name, log in zip(names, logs, strict=True))
        yield closed, weak
    finally:
        for name in names:
            await engine.remove(name)


def targets(
    settings: Settings, host: Host, gate: str, neighbour: Neighbour, elsewhere: Outside, device: str
) -> dict[str, list[Any]]:
    """The same attempts on either network; `gate` is the host's address on it."""
    listening = {f"tcp {port}": ["tcp", gate, port] for port in host.listening}
    return {
        **listening,
        "udp": ["udp", gate, host.udp],
        "ping host": ["ping", gate],
        "ipv6 host": ["tcp", f"{link_local(device)}%eth0", host.tcp],
        "neighbour tcp": ["tcp", neighbour.address, TCP],
        "neighbour udp": ["udp", neighbour.address, UDP],
        "ping neighbour": ["ping", neighbour.address],
        "outside": ["tcp", elsewhere.address, elsewhere.port],
        "ping outside": ["ping", elsewhere.address],
        "route": ["route", "192.0.2.1"],
        "route metadata": ["route", "169.254.169.254"],
        "route ipv6": ["route", "2001:db8::1"],
    }


async def test_nothing_answers(
    engine: Engine,
    ground: Ground,
    host: Host,
    neighbours: tuple[Neighbour, Neighbour],
    elsewhere: Outside,
    registry: RegistrySettings,
) -> None:
    settings = ground.settings
    gate = gateway(settings)
    wanted = targets(settings, host, gate, neighbours[0], elsewhere, settings.network_bridge)
    # The real registry listens on this gateway, and all else on whatever is open here.
    wanted["registry"] = ["tcp", gate, int(registry.address.rpartition(":")[2])]
    wanted["hub"] = ["tcp", gate, settings.hub_port]
    for name, address in host.addresses.items():
        wanted[f"host as {name}"] = ["tcp", address, host.tcp]
    seen = await run(
        engine,
        hardened(ground),
        {**wanted, "ipv6": ["ipv6_addresses"]},
    )
    assert seen["ipv6"] == []
    reached = {key: seen[key] for key in wanted if seen[key] not in SILENT}
    assert reached == {}
    assert seen["outside"] == seen["route"] == seen["route metadata"] == "ENETUNREACH"


async def test_control_all_of_it_answers_on_an_ordinary_network(
    engine: Engine,
    ground: Ground,
    host: Host,
    neighbours: tuple[Neighbour, Neighbour],
    elsewhere: Outside,
    weak_network: tuple[str, str],
) -> None:
    name, gate = weak_network
    wanted = targets(ground.settings, host, gate, neighbours[1], elsewhere, host.bridge_of(gate))
    seen = await run(engine, on_network(hardened(ground), name), {**wanted, "ipv6": ["ipv6_addresses"]})
    # Sockets bound to one address, the registry's for instance, do not answer on this one.
    mine = {key for key in wanted if not key.startswith("tcp ")} | {f"tcp {host.tcp}"}
    assert {key: seen[key] for key in mine} == dict.fromkeys(mine, "done")
    assert seen["ipv6"]


async def test_control_without_the_firewall_the_host_answers(
    engine: Engine, ground: Ground, host: Host, elsewhere: Outside, registry: RegistrySettings
) -> None:
    """An internal network without our rules: the mutation check of the firewall."""
    gate = gateway(ground.settings)
    wanted = {
        "tcp": ["tcp", gate, host.tcp],
        "udp": ["udp", gate, host.udp],
        "ping": ["ping", gate],
        "registry": ["tcp", gate, int(registry.address.rpartition(":")[2])],
    }
    remove_firewall(ground.settings)
    try:
        seen = await run(engine, hardened(ground), wanted)
    finally:
        ensure_firewall(ground.settings)
    assert dict(seen.told) == dict.fromkeys(wanted, "done")


_CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()"


def _reaches(uid: int, address: str) -> bool:
    """Whether a program of that user on the host reaches a server."""
    words = ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
    code = ["/usr/bin/python3", "-I", "-c", _CONNECT, address, str(TCP)]
    return subprocess.run([*words, *code], capture_output=True).returncode == 0


async def test_a_user_of_the_host_reaches_no_server(
    ground: Ground, neighbours: tuple[Neighbour, Neighbour]
) -> None:
    """Who has not passed the gate would be let in where the server's program asks for no secret."""
    server, elsewhere = neighbours[0].address, neighbours[1].address
    allowed = {uid: _reaches(uid, server) for uid in (0, ground.settings.front_uid, 54321, 65534)}
    assert allowed == {0: True, ground.settings.front_uid: True, 54321: False, 65534: False}
    assert _reaches(54321, elsewhere), "the control: on an ordinary network"


async def test_a_port_published_on_the_host_is_closed_too(
    engine: Engine, ground: Ground, weak_network: tuple[str, str], host: Host
) -> None:
    """Where the engine rewrites them before INPUT, the rule on what goes through the host catches them."""
    name, _ = weak_network
    server = weakened(on_network(hardened(ground), name), _published)
    container = await begin(engine, server, {"serve": ["serve", TCP, UDP, 60]})
    try:
        await printed(engine, container, "serving")
        record = await engine.inspect(container)
        assert record is not None
        port = int(record["NetworkSettings"]["Ports"][f"{TCP}/tcp"][0]["HostPort"])
        before = _dropped(ground.settings)
        closed = await run(engine, hardened(ground), {"published": ["tcp", gateway(ground.settings), port]})
        # By our own rule: an engine's, behind it, would have dropped it as well.
        assert _dropped(ground.settings) > before
        weak = await run(
            engine, on_network(hardened(ground), name), {"published": ["tcp", gateway(ground.settings), port]}
        )
    finally:
        await engine.remove(container)
    assert (closed["published"], weak["published"]) == ("timeout", "done")


def _dropped(settings: Settings) -> int:
    """Packets dropped so far on their way from the closed network to the host, or through it."""
    chain = f"HUB-EXT-{settings.instance}"
    rules = [command("iptables", "-w", "-vnxL", name) for name in (chain, f"{chain}-FWD")]
    return sum(int(line.split()[0]) for line in "\n".join(rules).splitlines() if "DROP" in line)


def _published(body: Body) -> None:
    body["ExposedPorts"] = {f"{TCP}/tcp": {}}
    body["HostConfig"]["PortBindings"] = {f"{TCP}/tcp": [{"HostIp": "0.0.0.0", "HostPort": ""}]}  # noqa: S104


async def test_a_connection_from_before_the_firewall_does_not_outlive_it(
    engine: Engine, ground: Ground, host: Host
) -> None:
    """Established flows are let through only where the host began them."""
    remove_firewall(ground.settings)
    body = hardened(ground)
    name = await begin(engine, body, {"talk": ["talk", gateway(ground.settings), host.tcp, 6]})
    try:
        await printed(engine, name, "heard 2")
        ensure_firewall(ground.settings)
        await asyncio.sleep(1)
        before = (await engine.logs_tail(name, 1)).strip()
        await asyncio.sleep(1.5)
        assert (await engine.logs_tail(name, 1)).strip() == before
    finally:
        ensure_firewall(ground.settings)
        await engine.remove(name)


async def test_nobody_hears_a_shout(
    engine: Engine,
    ground: Ground,
    neighbours: tuple[Neighbour, Neighbour],
    weak_network: tuple[str, str],
) -> None:
    async def heard(body: Body, neighbour: Neighbour) -> bool:
        word = secrets.token_hex(6)
        wanted = {
            "all": ["shout", "255.255.255.255", UDP, word],
            "group": ["shout", "224.0.0.251", UDP, word],
        }
        seen = await run(engine, body, wanted)
        assert set(seen.told.values()) == {"done"}, "nothing was sent"
        await asyncio.sleep(0.3)
        return word in await engine.logs_tail(neighbour.name)

    assert await heard(on_network(hardened(ground), weak_network[0]), neighbours[1])
    assert not await heard(hardened(ground), neighbours[0])


async def test_names_carry_nothing_out(
    engine: Engine, ground: Ground, host: Host, elsewhere: Outside, weak_network: tuple[str, str]
) -> None:
    """A canary stands for the resolver of the host, at every place where one could be."""
    name, gate = weak_network

    async def leaks(body: Body, resolver: str | None) -> bool:
        word = f"secret-{secrets.token_hex(8)}.example"
        body["HostConfig"]["DnsOptions"] = ["timeout:2", "attempts:1"]
        if resolver is not None:
            body["HostConfig"]["Dns"] = [resolver]
        seen = await run(engine, body, {"ask": ["resolve", word]})
        assert str(seen["ask"]).startswith("gaierror")
        return word in host.asked() + elsewhere.asked()

    closed = (None, gateway(ground.settings), gate, elsewhere.address)
    for resolver in (gate, elsewhere.address):
        assert await leaks(on_network(hardened(ground), name), resolver), "the control: this canary hears"
    told = await asyncio.gather(*(leaks(hardened(ground), resolver) for resolver in closed))
    assert dict(zip(closed, told, strict=True)) == dict.fromkeys(closed, False)


async def test_a_neighbour_s_name_tells_nothing(
    engine: Engine, ground: Ground, neighbours: tuple[Neighbour, Neighbour]
) -> None:
    seen = await run(engine, hardened(ground), {"name": ["reverse", neighbours[0].address]})
    assert seen["name"] in ("", f"{neighbours[0].name}.{ground.settings.network_name}")
    instance, _, launch = neighbours[0].name.partition("-")
    assert (instance, launch[:4]) == (ground.settings.instance, "lau-")
