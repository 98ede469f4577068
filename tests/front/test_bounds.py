"""Large uploads pass, half-sent requests harm nobody, and what has died is said to have died within 5 s."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from hub_ext.adapters.connections import close_connections
from hub_ext.cli.setup import front as front_setup
from hub_ext.model.interfaces import JUPYTER
from hub_ext.settings import MIB
from tests.front.conftest import UPLOAD_MAX_BYTES, Site
from tests.support.front_wire import Handler, Request, Upstream, ask_raw
from tests.support.patience import patient

Make = Callable[..., AbstractContextManager[Site]]
DEAD_SECONDS = 5
HALF_SENT = 1500


def upload(site: Site, target: str, length: int) -> bytes:
    """What comes back for a body of so many bytes, which is sent as long as the front takes it."""
    head = f"PUT {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.port), 60) as connection:
        connection.sendall(head.encode())
        chunk = bytes(MIB)
        with contextlib.suppress(OSError):
            for start in range(0, length, MIB):
                connection.sendall(chunk[: length - start])
        received = b""
        with contextlib.suppress(OSError):
            while part := connection.recv(65536):
                received += part
        return received


def test_a_large_upload_passes(site: Site) -> None:
    assert upload(site, "/user/alice/api/contents/a", 200 * MIB).startswith(b"HTTP/1.1 200 ")
    assert site.alice.requests[0].body_bytes == 200 * MIB


def test_an_upload_goes_through_as_it_comes(site: Site) -> None:
    head = f"PUT /user/alice/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {10 * MIB}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.port), 10) as connection:
        connection.sendall(head.encode() + bytes(8 * MIB))
        end = time.monotonic() + patient(5)
        while not site.alice.connections and time.monotonic() < end:
            time.sleep(0.02)
        assert site.alice.connections == 1
        connection.sendall(bytes(2 * MIB))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_an_upload_in_chunks_passes(site: Site) -> None:
    body = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    head = b"PUT /user/alice/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert ask_raw(site.port, head + body).startswith(b"HTTP/1.1 200 ")
    assert site.alice.requests[0].body == b"hello world"


@pytest.mark.parametrize(
    ("target", "bound"),
    [
        ("/user/alice/api/contents/a", UPLOAD_MAX_BYTES),
        ("/hub/api/users", 2 * MIB),
        ("/hub/static/a", 2 * MIB),
        ("/services/console/import", 16 * MIB),
    ],
)
def test_over_the_bound_is_said(site: Site, target: str, bound: int) -> None:
    if bound < 100 * MIB:
        assert upload(site, target, bound).startswith(b"HTTP/1.1 200 ")
        site.reset()
    answer = upload(site, target, bound + 1)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Trop volumineux" in answer
    assert not any(upstream.requests for upstream in site.upstreams())


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("target", ["/user/alice/lab", "/hub/home", "/services/console/"])
def test_cookies_beyond_the_bound_are_cleared(site: Site, target: str, method: str) -> None:
    """A page may set as many as its browser keeps, for a year: nobody is to be shut out by them."""
    head = f"{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: "
    allowed, refused = ("; ".join(f"c{n}={'x' * 3900}" for n in range(count)) for count in (7, 9))
    assert ask_raw(site.port, f"{head}{allowed}\r\n\r\n".encode()).startswith(b"HTTP/1.1 200 ")
    site.reset()
    answer = ask_raw(site.port, f"{head}{refused}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'\r\nClear-Site-Data: "cookies"\r\n' in answer
    assert b"Trop de cookies" in answer
    assert not any(upstream.requests for upstream in site.upstreams())


def test_cookies_have_a_bound_of_their_number(site: Site) -> None:
    head = "GET /user/alice/lab HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: "
    for number, status in ((300, b"200"), (500, b"400"), (10_000, b"400")):
        cookies = "; ".join(["a="] * number)
        answer = ask_raw(site.port, f"{head}{cookies}\r\n\r\n".encode())
        assert answer.split()[1] == status
        assert (b'\r\nClear-Site-Data: "cookies"\r\n' in answer) == (status == b"400")
    assert len(site.alice.requests) == 1


def test_other_pages_of_the_front_clear_nothing(site: Site) -> None:
    assert b"Clear-Site-Data" not in upload(site, "/hub/api/users", 2 * MIB + 1)


def test_half_sent_requests_harm_nobody(site: Site) -> None:
    beginnings = (
        b"GET /user/alice/",
        b"GET /hub/home HTTP/1.1\r\nHost: a\r\nX-Slow",
        b"PUT /user/alice/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf",
        b"POST /hub/login HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf",
    )
    with contextlib.ExitStack() as opened:
        for number in range(HALF_SENT):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", site.port), 10))
            # Of the requests that have a server, some: its threads are the test's.
            connection.sendall(beginnings[number % 4 if number < 200 else number % 2])
        times = []
        for target in ("/user/bob/", "/hub/home") * 10:
            began = time.monotonic()
            assert site.ask(target).status == 200
            times.append(time.monotonic() - began)
        assert max(times) < 1, times
        # They end by themselves.
        connection.settimeout(20)
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
        assert time.monotonic() - began < 15


def test_events_pass_at_their_time(site: Site) -> None:
    def events(request: Request, handler: Handler) -> bool:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        time.sleep(3)
        handler.wfile.write(b"data: 2\n\n")
        return False

    site.alice.handle = site.hub.handle = events
    for target in (
        "/user/alice/events",
        "/hub/api/users/alice/servers//progress",
        "/hub/api/users/a/server/progress",
    ):
        with socket.create_connection(("127.0.0.1", site.port), 10) as connection:
            request = (
                f"GET {target} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br, gzip\r\nConnection: close\r\n\r\n"
            )
            connection.sendall(request.encode())
            began = time.monotonic()
            received = b""
            while b"data: 1" not in received:
                received += connection.recv(65536)
            assert time.monotonic() - began < 1.5, target


def test_connections_to_the_hub_are_kept(site: Site) -> None:
    peers = []

    def note(request: Request, handler: Handler) -> bool:
        peers.append(handler.client_address)
        return handler.send("200 OK", [])

    site.hub.handle = note
    for _ in range(4):
        site.ask("/hub/home")
    assert len(set(peers)) <= 2  # one of each worker


@pytest.fixture
def kept_site(another_site: Make) -> Iterator[Site]:
    """A front whose alice and bob have addresses of the closed network."""
    network = f"127.{secrets.randbelow(254) + 1}.{secrets.randbelow(256)}"
    with another_site(subnet=f"{network}.0/28") as site:
        kept = Upstream(f"{network}.2", JUPYTER.port), Upstream(f"{network}.3", JUPYTER.port)
        try:
            yield replace(site, alice=kept[0], bob=kept[1])
        finally:
            for upstream in kept:
                upstream.close()


def test_connections_to_a_server_are_kept_and_its_own(kept_site: Site) -> None:
    site = kept_site
    site.gate.upstreams |= {"/user/alice/": site.alice.address, "/user/bob/": site.bob.address}
    for _ in range(6):
        assert site.ask("/user/alice/").status == site.ask("/user/bob/").status == 200
    for server in (site.alice, site.bob):
        assert len(server.requests) == 6
        assert server.connections <= 2  # one of each worker
        assert {request.value("connection") for request in server.requests} == {None}
    before = site.alice.connections
    time.sleep(4.5)
    assert site.ask("/user/alice/").status == 200
    assert site.alice.connections == before + 1, "not kept for long"


def test_an_address_of_elsewhere_is_not_kept(site: Site) -> None:
    for _ in range(4):
        site.ask("/user/alice/")
    assert site.alice.connections == 4


def test_a_kept_connection_that_ends_meanwhile_costs_no_request(kept_site: Site) -> None:
    site = kept_site
    site.gate.upstreams["/user/alice/"] = site.alice.address
    ended: set[object] = set()

    def once(request: Request, handler: Handler) -> bool:
        # The second request of each connection finds it closed, as by a server that had waited long enough.
        if handler.client_address in ended:
            return False
        ended.add(handler.client_address)
        return handler.send("200 OK", [])

    site.alice.handle = once
    assert [site.ask("/user/alice/").status for _ in range(6)] == [200] * 6
    assert len(site.alice.requests) > site.alice.connections, "some were asked on a kept one"


def test_a_server_that_died_is_said_to_be_dead_on_kept_connections_too(kept_site: Site) -> None:
    site = kept_site
    site.gate.upstreams["/user/alice/"] = site.alice.address
    for _ in range(4):
        assert site.ask("/user/alice/").status == 200
    site.alice.close()
    _assert_dead(site)


def test_nothing_listens_there(site: Site) -> None:
    site.gate.upstreams["/user/alice/"] = "127.0.0.1:1"
    try:
        _assert_dead(site)
    finally:
        site.gate.upstreams["/user/alice/"] = site.alice.address


def test_a_server_that_is_killed_ends_its_requests(site: Site) -> None:
    """The kernel closes what a killed process had open."""
    script = (
        "import socket\nserver = socket.create_server(('127.0.0.1', 0))\n"
        "print(server.getsockname()[1], flush=True)\nconnection, _ = server.accept()\n"
        "print(connection.recv(9), flush=True)\nwhile True: connection.recv(9)\n"
    )
    process = subprocess.Popen(["python3", "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    site.gate.upstreams["/user/alice/"] = f"127.0.0.1:{process.stdout.readline().strip()}"
    try:
        with socket.create_connection(("127.0.0.1", site.port), 10) as connection:
            connection.sendall(b"GET /user/alice/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            process.stdout.readline()
            process.kill()
            assert connection.recv(65536).startswith(b"HTTP/1.1 503 ")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        site.gate.upstreams["/user/alice/"] = site.alice.address


@pytest.fixture
def far_address(site: Site) -> Iterator[tuple[str, str]]:
    """A network namespace with an address that alice's server has; its name and the address."""
    name = f"hxfront{os.getpid() % 100000}"
    net = IPv4Address("198.18.0.0") + os.getpid() % 32768 * 4  # of those for benchmarks
    near, address = str(net + 1), str(net + 2)
    commands = (
        ["ip", "netns", "add", name],
        ["ip", "link", "add", f"{name}a"[:15], "type", "veth", "peer", "name", "far0", "netns", name],
        ["ip", "address", "add", f"{near}/30", "dev", f"{name}a"[:15]],
        ["ip", "link", "set", f"{name}a"[:15], "up"],
        ["ip", "-n", name, "address", "add", f"{address}/30", "dev", "far0"],
        ["ip", "-n", name, "link", "set", "far0", "up"],
    )
    try:
        for command in commands:
            subprocess.run(command, check=True)
        site.gate.upstreams["/user/alice/"] = f"{address}:8888"
        yield name, address
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)
        subprocess.run(["ip", "link", "del", f"{name}a"[:15]], check=False, stderr=subprocess.DEVNULL)
        site.gate.upstreams["/user/alice/"] = site.alice.address


_SERVER = (
    "import socket\nserver = socket.create_server(('0.0.0.0', 8888))\nprint(flush=True)\n"
    "while True:\n"
    "    connection, _ = server.accept()\n"
    "    request = connection.recv(9999)\n"
    "    if b'/slow' in request: print(flush=True); kept = connection; continue\n"
    "    connection.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nup'); connection.close()\n"
)


@pytest.mark.parametrize(
    "vanish",
    [
        ["ip", "link", "set", "far0", "down"],  # nobody has the address any more
        ["iptables", "-A", "INPUT", "-j", "DROP"],  # its host is there, and says nothing
    ],
    ids=["gone", "silent"],
)
def test_a_vanished_address(site: Site, far_address: tuple[str, str], vanish: list[str]) -> None:
    """The network of a container goes while its server lives: no packet comes back any more."""
    name, address = far_address
    process = subprocess.Popen(
        ["ip", "netns", "exec", name, "python3", "-c", _SERVER], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()
        assert site.ask("/user/alice/").body == b"up"  # the control
        with socket.create_connection(("127.0.0.1", site.port), 20) as connection:
            connection.sendall(b"GET /user/alice/slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            process.stdout.readline()
            subprocess.run(["ip", "netns", "exec", name, *vanish], check=True)
            _assert_dead(site)
            # The request that is there already: whoever takes the address away closes its connections.
            close_connections(address)
            began = time.monotonic()
            assert connection.recv(65536).startswith(b"HTTP/1.1 503 ")
            assert time.monotonic() - began < DEAD_SECONDS
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _assert_dead(site: Site) -> None:
    began = time.monotonic()
    answer = site.ask("/user/alice/")
    assert time.monotonic() - began < DEAD_SECONDS
    assert answer.status == 503
    assert "Ce serveur ne répond pas".encode() in answer.body
    assert site.ask("/user/bob/").status == 200


@contextlib.contextmanager
def held_back(site: Site, number: int, length: int) -> Iterator[None]:
    """So many bodies for the console, of strangers who keep the last byte."""
    head = f"POST /services/console/ HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n".encode()
    with contextlib.ExitStack() as connections:
        for _ in range(number):
            connection = connections.enter_context(socket.create_connection(("127.0.0.1", site.port), 30))
            with contextlib.suppress(ConnectionError):
                connection.sendall(head + bytes(length - 1))
        yield


def test_bodies_that_are_held_back_have_a_bound_of_their_own(
    another_site: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """16 MiB each, from strangers: they would fill the disk of the record."""
    monkeypatch.setattr(front_setup, "_BODIES_MAX_BYTES", 24 * MIB)
    with another_site() as site:
        assert upload(site, "/services/console/", 8 * MIB).startswith(b"HTTP/1.1 200 ")
        with held_back(site, 4, 8 * MIB):
            assert upload(site, "/services/console/", 8 * MIB).startswith(b"HTTP/1.1 500 ")
            # What needs no file still passes.
            assert site.ask("/services/console/", method="POST", body=b"x" * 8000).status == 200
            assert site.ask("/hub/home").status == site.ask("/user/alice/").status == 200


def test_whoever_is_not_let_in_uses_nothing_of_that_bound_up(another_site: Make) -> None:
    """A colleague behind the same address, with bodies that never come."""

    def weaken(text: str) -> str:
        return text.replace("limit_conn held 512;", "limit_conn held 3;")

    head = b"POST /user/alice/x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"
    with another_site(weaken=weaken) as site, contextlib.ExitStack() as waiting:
        for stranger in (True, False):
            site.gate.check_status = "401 Unauthorized" if stranger else ""
            for _ in range(5):
                connection = waiting.enter_context(socket.create_connection(("127.0.0.1", site.port), 30))
                connection.sendall(head)
            end = time.monotonic() + patient(5)
            while len(site.gate.requests) < 5 and time.monotonic() < end:
                time.sleep(0.02)
            assert len(site.gate.requests) >= 5
            site.gate.reset()
            # The control: those who are let in do use it up.
            assert site.ask("/user/alice/").status == (200 if stranger else 429)
            site.gate.reset()


def test_requests_that_a_server_leaves_waiting_have_a_bound(another_site: Make) -> None:
    def weaken(text: str) -> str:
        assert "limit_conn held 512;" in text
        return text.replace("limit_conn held 512;", "limit_conn held 3;")

    released = threading.Event()

    def wait(request: Request, handler: Handler) -> bool:
        released.wait(30)
        return handler.send("200 OK", [], b"here", close=True)

    with another_site(weaken=weaken) as site, contextlib.ExitStack() as waiting:
        site.alice.handle = wait
        for target in ("/user/alice/", "/user/alice/named/x", "/user/alice/api?a=b"):
            connection = waiting.enter_context(socket.create_connection(("127.0.0.1", site.port), 30))
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        end = time.monotonic() + patient(5)
        while site.alice.connections < 3 and time.monotonic() < end:
            time.sleep(0.02)
        assert site.ask("/user/alice/").status == 429
        assert site.ask("/user/bob/").status == site.ask("/hub/home").status == 200
        released.set()
        waiting.close()
        site.alice.handle = None
        while (status := site.ask("/user/alice/").status) == 429 and time.monotonic() < end:
            time.sleep(0.02)
        assert status == 200
