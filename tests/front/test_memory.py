"""What strangers may have the front keep in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.front.conftest import Site, running
from tests.front.test_process import processes
from tests.support import http2
from tests.support.certificates import Authority
from tests.support.front_wire import ask_raw

STREAMS = 24


@pytest.fixture
def tls_site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "keys").mkdir()
    files = Authority(tmp_path / "keys").issue("server", hosts=("localhost", "127.0.0.1"))
    with running(tmp_path / "site", tls=files) as site:
        yield site


def head(length: int) -> bytes:
    lines = ["GET /hub/home HTTP/1.1", "Host: a", "Connection: close"]
    lines += [f"X-{number}: {'x' * 1000}" for number in range(length // 1010)]
    return "\r\n".join([*lines, "", ""]).encode()


def test_headers_have_a_bound_together(site: Site) -> None:
    assert ask_raw(site.port, head(90_000)).startswith(b"HTTP/1.1 200 ")
    site.reset()
    assert ask_raw(site.port, head(110_000)).startswith(b"HTTP/1.1 431 ")
    assert site.hub.requests == []


def repeated(site: Site, times: int) -> list[bytes]:
    """Requests whose bodies never come, each with 4 KB of a header as often; how their answers begin."""
    host = f"localhost:{site.port}"
    connection = http2.Connection(site.port)
    with connection.socket:
        for number in range(STREAMS):
            block = http2.request("POST", host, "/hub/login") + http2.literal("content-length", "10")
            if number == 0:
                block += http2.literal("x", "v" * 4000, kept=True)
            connection.headers(2 * number + 1, block + http2.SAID_BEFORE * times)
        connection.socket.settimeout(1)
        try:
            return connection.status_lines(STREAMS)
        except TimeoutError:
            return []


def test_a_header_that_is_said_again_counts_each_time(tls_site: Site) -> None:
    """Twelve kilobytes of HTTP/2 would hold twenty megabytes, for as long as the bodies take."""
    assert repeated(tls_site, 10) == [], "the control: they wait for their bodies"
    answers = repeated(tls_site, 180)
    assert len(answers) == STREAMS
    assert all(b"431" in answer for answer in answers)
    assert tls_site.hub.requests == []


def test_the_memory_of_each_process_has_a_bound(site: Site) -> None:
    assert site.front.child is not None
    for pid in processes(site):
        (line,) = [one for one in Path(f"/proc/{pid}/limits").read_text().splitlines() if "data size" in one]
        assert line.split()[3].isdigit()
