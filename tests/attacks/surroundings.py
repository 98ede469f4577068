"""What a notebook could reach if it were let: listeners of the host, a host outside, an open network."""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from hub_ext.settings import Settings


def command(*words: str, check: bool = True) -> str:
    return subprocess.run(words, check=check, capture_output=True, text=True).stdout


class Host:
    """Listeners on every address of this machine, on the Hub's port, and on port 53 of some addresses."""

    def __init__(self, settings: Settings, resolvers: tuple[str, ...]) -> None:
        self._loop = selectors.DefaultSelector()
        self._asked: list[bytes] = []
        self._sockets: list[socket.socket] = []
        self.tcp = self._tcp("0.0.0.0", 0)  # noqa: S104
        self._tcp("::", self.tcp)
        self.udp = self._udp("0.0.0.0", 0)  # noqa: S104
        with suppress(OSError):  # the Hub itself may run
            self._tcp(settings.network_subnet.rpartition(".")[0] + ".1", settings.hub_port)
        for address in resolvers:
            self._udp(address, 53)
        # The address that our containers are given as their resolver is their own loopback. Were it the
        # host's, this would hear it; a machine that resolves there for itself has the port.
        with suppress(OSError):
            self._udp("127.0.0.1", 53)
        found = json.loads(command("ip", "-j", "-4", "addr"))
        self._devices = {
            entry["local"]: link["ifname"]
            for link in found
            for entry in link["addr_info"]
            if link["ifname"] != settings.network_bridge
        }
        self.addresses = {
            device: address for address, device in self._devices.items() if not address.startswith("127.")
        }
        self.listening = _listening() - {settings.hub_port}

    def bridge_of(self, gate: str) -> str:
        """The device that carries an address."""
        return self._devices[gate]

    def asked(self) -> str:
        """All that the resolvers were sent, as text."""
        return "".join(_name(question) + "\n" for question in self._asked)

    def _tcp(self, address: str, port: int) -> int:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = socket.socket(family, socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.bind((address, port))
        server.listen(64)
        self._keep(server)
        return int(server.getsockname()[1])

    def _udp(self, address: str, port: int) -> int:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        self._keep(server)
        return int(server.getsockname()[1])

    def _keep(self, server: socket.socket) -> None:
        self._sockets.append(server)
        self._loop.register(server, selectors.EVENT_READ)

    def _serve(self) -> None:
        while not self._stopped.is_set():
            for key, _ in self._loop.select(0.1):
                ready = key.fileobj
                assert isinstance(ready, socket.socket)
                with suppress(OSError):
                    self._answer(ready)

    def _answer(self, ready: socket.socket) -> None:
        if ready.type == socket.SOCK_DGRAM:
            text, who = ready.recvfrom(2000)
            self._asked.append(text)
            ready.sendto(text, who)
        elif ready in self._sockets:
            client, _ = ready.accept()
            self._loop.register(client, selectors.EVENT_READ)
        elif text := ready.recv(2000):
            ready.send(text)
        else:
            self._loop.unregister(ready)
            ready.close()

    def __enter__(self) -> Self:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
        for key in list(self._loop.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()


def _listening() -> set[int]:
    """Every TCP port on which somebody of this machine listens, on whatever address."""
    return {
        int(line.split()[1].rpartition(":")[2], 16)
        for family in ("tcp", "tcp6")
        for line in Path("/proc/net", family).read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    }


def _name(question: bytes) -> str:
    """The name that a DNS question asks for."""
    labels, at = [], 12
    while at < len(question) and (size := question[at]):
        labels.append(question[at + 1 : at + 1 + size].decode(errors="replace"))
        at += size + 1
    return ".".join(labels)


def link_local(device: str) -> str:
    """The host's own IPv6 address on a device; a made-up one where it has none."""
    for line in Path("/proc/net/if_inet6").read_text().splitlines():
        number, *_, name = line.split()
        if name == device and number.startswith("fe80"):
            return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(number))
    return "fe80::1"


@dataclass(frozen=True, slots=True)
class Outside:
    """A host beyond this one, with a TCP server and a resolver that writes down what it is asked."""

    address: str
    port: int
    log: Path

    def asked(self) -> str:
        return self.log.read_text()


_SERVER = """
    import selectors, socket, sys
    def name(question):
        labels, at = [], 12
        while at < len(question) and question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode(errors="replace"))
            at += question[at] + 1
        return ".".join(labels)
    tcp = socket.create_server(("", 8080))
    dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    dns.bind(("", 53))
    loop = selectors.DefaultSelector()
    loop.register(tcp, 1), loop.register(dns, 1)
    print("ready", flush=True)
    while True:
        for key, _ in loop.select():
            if key.fileobj is tcp:
                tcp.accept()[0].close()
            else:
                text, who = dns.recvfrom(2000)
                print(name(text), flush=True)
"""


@contextmanager
def outside(instance: str) -> Iterator[Outside]:
    """A network namespace joined by a pair of virtual cables; no packet leaves this machine."""
    name = f"{instance}-out"
    here, there = f"{instance}o"[:15], f"{instance}p"[:15]
    subnet = _free_pair()
    log = Path(f"/run/{name}.log")
    command("ip", "netns", "add", name)
    try:
        command("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        command("ip", "addr", "add", f"{subnet}.1/30", "dev", here)
        command("ip", "link", "set", here, "up")
        for words in (
            ("addr", "add", f"{subnet}.2/30", "dev", there),
            ("link", "set", there, "up"),
            ("link", "set", "lo", "up"),
        ):
            command("ip", "-n", name, *words)
        with log.open("wb") as output:
            server = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{name}", sys.executable, "-c", textwrap.dedent(_SERVER)],
                stdout=output,
            )
        try:
            while "ready" not in log.read_text():
                assert server.poll() is None
            yield Outside(f"{subnet}.2", 8080, log)
        finally:
            server.terminate()
            server.wait(10)
    finally:
        command("ip", "link", "del", here, check=False)
        command("ip", "netns", "del", name)
        log.unlink(missing_ok=True)


def _free_pair() -> str:
    """Three numbers of an address that no device of this machine has yet."""
    taken = command("ip", "-4", "addr") + command("ip", "-4", "route")
    return next(f"10.219.{n}" for n in range(200, 255) if f"10.219.{n}." not in taken)


@contextmanager
def open_network(settings: Settings) -> Iterator[tuple[str, str]]:
    """An ordinary network, IPv6 and all, as the control; its name and the host's address on it."""
    name = f"{settings.instance}-open"
    six = f"fd00:{int(settings.hub_port):x}::/64"
    label = f"io.hub-ext.instance={settings.instance}"
    docker = ("docker", "--host", settings.engine_url, "network")
    command(*docker, "create", "--ipv6", "--subnet", six, "--label", label, name)
    try:
        found = json.loads(command(*docker, "inspect", name))[0]["IPAM"]["Config"]
        four = next(entry for entry in found if "." in entry.get("Gateway", ""))
        with _forwarded(four["Subnet"]):
            yield name, four["Gateway"]
    finally:
        command(*docker, "rm", name)


@contextmanager
def _forwarded(subnet: str) -> Iterator[None]:
    """The way out that an ordinary engine gives its networks; one of hub-ext's own gives none."""
    switch = Path("/proc/sys/net/ipv4/ip_forward")
    before = switch.read_text()
    rule = ("POSTROUTING", "-s", subnet, "!", "-d", subnet, "-j", "MASQUERADE")
    command("iptables", "-w", "-t", "nat", "-I", *rule)
    switch.write_text("1")
    try:
        yield
    finally:
        switch.write_text(before)
        command("iptables", "-w", "-t", "nat", "-D", *rule)
