"""TLS at the front: what it speaks, whose certificate it shows, and a renewal that closes no open page."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from hub_ext.cli.setup import front_certificate
from hub_ext.errors import SettingsError
from tests.front.conftest import Site, running
from tests.front.test_process import processes
from tests.front.watch import EndOfWatch, serving_of, watch
from tests.support.certificates import Authority
from tests.support.until import eventually

Make = Callable[..., AbstractContextManager[Site]]
HOSTS = ("localhost", "127.0.0.1")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    folder = tmp_path / "keys"
    folder.mkdir()
    return Authority(folder)


@pytest.fixture
def tls_site(tmp_path: Path, authority: Authority) -> Iterator[Site]:
    """A front with a certificate of that authority."""
    with running(tmp_path / "site", tls=authority.issue("server", hosts=HOSTS)) as site:
        yield site


@pytest.fixture
def looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are looked at whenever it is asked."""
    monkeypatch.setattr(front_certificate, "_LOOK_SECONDS", 0.0)


def curl(authority: Authority, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["curl", "-sS", "--cacert", str(authority.ca_file), *words], capture_output=True, text=True
    )


def connect(site: Site, authority: Authority) -> ssl.SSLSocket:
    """A new connection, whose certificate was verified."""
    trust = ssl.create_default_context(cafile=str(authority.ca_file))
    raw = socket.create_connection(("127.0.0.1", site.port), 10)
    return trust.wrap_socket(raw, server_hostname="localhost")


def serial_shown(site: Site, authority: Authority) -> int:
    with connect(site, authority) as connection:
        return serial(connection)


def serial(connection: ssl.SSLSocket) -> int:
    shown = connection.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


def serial_of(files: tuple[Path, Path]) -> int:
    return x509.load_pem_x509_certificate(files[0].read_bytes()).serial_number


@contextlib.contextmanager
def open_websocket(site: Site, authority: Authority) -> Iterator[ssl.SSLSocket]:
    """A WebSocket of alice's server; what is sent comes back."""
    with connect(site, authority) as connection:
        lines = [
            "GET /user/alice/channels HTTP/1.1",
            f"Host: localhost:{site.port}",
            *("Upgrade: websocket", "Connection: Upgrade"),
            *("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13"),
        ]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        assert head.startswith(b"HTTP/1.1 101 ")
        yield connection


def echoes(connection: ssl.SSLSocket, data: bytes) -> bool:
    connection.sendall(data)
    return connection.recv(len(data)) == data


def test_http_2_and_no_tls_below_1_2(tls_site: Site, authority: Authority) -> None:
    url = f"https://127.0.0.1:{tls_site.port}/user/alice/lab"
    for version, word in (("--http2", "2"), ("--http1.1", "1.1")):
        assert curl(authority, version, "-w", " %{http_version}", url).stdout == f"here {word}"
    assert {request.value("x-forwarded-proto") for request in tls_site.alice.requests} == {"https"}
    assert {request.value("host") for request in tls_site.alice.requests} == {f"127.0.0.1:{tls_site.port}"}
    tls_site.alice.raw = b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: jupyterhub-x=1\r\n\r\n"
    assert "jupyterhub-x" not in curl(authority, "-i", "--http2", url).stdout
    tls_site.reset()
    for newest, accepted in (("1.1", False), ("1.2", True)):
        old = ("--tlsv1.0", "--tls-max", newest, "--ciphers", "DEFAULT@SECLEVEL=0")
        assert (curl(authority, *old, url).returncode == 0) == accepted


def test_cookies_in_pieces_are_counted_together(tls_site: Site, authority: Authority) -> None:
    """With HTTP/2 a browser may send each cookie as a header of its own."""
    url = f"https://127.0.0.1:{tls_site.port}/user/alice/lab"
    for count, status in ((7, "200"), (8, "400")):
        pieces = [part for n in range(count) for part in ("-H", f"Cookie: c{n}={'x' * 4050}")]
        shown = ("-D", "-", "-o", "/dev/null", "-w", "%{http_code}")
        answer = curl(authority, "--http2", *pieces, *shown, url).stdout
        assert answer.endswith(status)
        assert ("clear-site-data" in answer) == (status == "400")


def test_who_comes_without_tls_is_led_on(tls_site: Site, authority: Authority) -> None:
    answer = tls_site.ask("/hub/login?next=%2Fhub%2Fhome", host=f"localhost:{tls_site.port}")
    assert answer.status == 302
    assert answer.value("location") == f"https://localhost:{tls_site.port}/hub/login?next=%2Fhub%2Fhome"
    assert tls_site.hub.requests == []


def test_the_copy_of_the_key_is_nginx_s_alone(tls_site: Site) -> None:
    copy = (tls_site.layout.front / "conf/key.pem").stat()
    assert (copy.st_mode & 0o777, copy.st_uid) == (0o600, tls_site.settings.front_uid)


def test_without_tls_no_copy_is_left(site: Site) -> None:
    for name in ("key.pem", "certificate.pem"):
        (site.layout.front / "conf" / name).write_text("of an earlier run")
    site.front.start()
    assert not list((site.layout.front / "conf").glob("*.pem"))
    assert site.ask("/user/alice/").status == 200


@pytest.mark.usefixtures("looks_at_once")
def test_a_renewed_certificate_is_shown_and_closes_no_websocket(tls_site: Site, authority: Authority) -> None:
    former = serial_shown(tls_site, authority)
    assert not tls_site.front.renew()
    workers = processes(tls_site)[1:]
    with open_websocket(tls_site, authority) as open_page:
        assert echoes(open_page, b"before")
        renewed = serial_of(authority.issue("server", hosts=HOSTS))
        assert renewed != former
        assert tls_site.front.renew()
        eventually(lambda: serial_shown(tls_site, authority) == renewed)
        assert not tls_site.front.renew()
        assert echoes(open_page, b"after")
        assert serial(open_page) == former  # the very connection of before
        assert set(workers) & set(processes(tls_site))
        tls_site.front.renew()
        assert echoes(open_page, b"and on")
    eventually(lambda: not set(workers) & set(processes(tls_site)))
    assert serial_shown(tls_site, authority) == renewed


def test_the_files_are_looked_at_once_a_minute(
    tls_site: Site, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = front_certificate.time.monotonic()
    monkeypatch.setattr(front_certificate.time, "monotonic", lambda: now)
    authority.issue("server", hosts=HOSTS)
    assert not tls_site.front.renew()
    now += 61
    assert tls_site.front.renew()


@pytest.mark.usefixtures("looks_at_once")
def test_a_renewal_that_is_of_no_use_leaves_the_former_one(tls_site: Site, authority: Authority) -> None:
    former = serial_shown(tls_site, authority)
    certificate, _ = authority.issue("server", hosts=HOSTS, lasts=-timedelta(days=1))
    with pytest.raises(SettingsError, match="ended on"):
        tls_site.front.renew()
    certificate.write_text("-----BEGIN CERTIFICATE-----\n")
    with pytest.raises(SettingsError, match="holds no certificate"):
        tls_site.front.renew()
    assert serial_shown(tls_site, authority) == former
    # nginx dies, and is started again meanwhile.
    os.kill(processes(tls_site)[0], signal.SIGKILL)
    tls_site.front.start()
    assert serial_shown(tls_site, authority) == former
    renewed = serial_of(authority.issue("server", hosts=HOSTS))
    assert tls_site.front.renew()
    eventually(lambda: serial_shown(tls_site, authority) == renewed)


@pytest.mark.usefixtures("looks_at_once")
def test_a_renewal_that_finds_the_disk_full_leaves_the_former_one(
    tls_site: Site, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = serial_shown(tls_site, authority)

    def full(*_: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    renewed = serial_of(authority.issue("server", hosts=HOSTS))
    with monkeypatch.context() as patch:
        patch.setattr(front_certificate, "write_file", full)
        with pytest.raises(SettingsError, match="cannot be copied: No space left"):
            tls_site.front.renew()
    assert serial_shown(tls_site, authority) == former
    assert tls_site.front.renew()
    eventually(lambda: serial_shown(tls_site, authority) == renewed)


def test_a_front_without_a_usable_certificate_does_not_start(
    another_site: Make, authority: Authority
) -> None:
    expired = authority.issue("server", hosts=HOSTS, lasts=-timedelta(days=1))
    with pytest.raises(SettingsError, match="ended on"), another_site(tls=expired):
        pass


@pytest.mark.usefixtures("looks_at_once")
def test_who_watches_says_once_what_became_of_a_renewal(tls_site: Site, authority: Authority) -> None:
    messages: list[str] = []
    tls_site.front.stop()
    serving = serving_of(tls_site, messages.append)
    serving.restart_front()

    def watch_turns(*turns: Callable[[], object]) -> None:
        left = iter(turns)

        def turn() -> None:
            if (act := next(left, None)) is None:
                raise EndOfWatch
            act()

        watch(serving, turn)

    try:
        watch_turns(lambda: None, lambda: None)
        assert messages == []
        watch_turns(
            lambda: authority.issue("server", hosts=HOSTS, lasts=-timedelta(days=1)),
            lambda: None,
            lambda: authority.issue("server", hosts=HOSTS),
            lambda: None,
        )
        fault, renewed = messages
        assert fault.startswith("The certificate in ")
        assert fault.endswith(" The front goes on with the former one. Renew it.")
        assert renewed == "The front shows the renewed certificate"
    finally:
        assert serving.front is not None
        serving.front.stop()
