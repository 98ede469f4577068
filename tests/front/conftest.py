"""One front for all tests here, with a gate and upstreams that the tests write."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub_ext.adapters.front import nginx_conf
from hub_ext.cli.setup import front as front_setup
from hub_ext.cli.setup.front import Front
from hub_ext.cli.setup.layout import Layout
from hub_ext.settings import MIB, Settings
from tests.support.front_wire import Answer, Gate, Headers, Upstream, ask
from tests.support.ports import free_port

UPLOAD_MAX_BYTES = 300 * MIB


@dataclass(frozen=True)
class Site:
    """A running front and what stands behind it: servers of alice and of bob, the Hub and the console."""

    front: Front
    layout: Layout
    settings: Settings
    port: int
    gate: Gate
    alice: Upstream
    bob: Upstream
    hub: Upstream
    console: Upstream

    def ask(
        self,
        target: str,
        headers: Headers | None = None,
        *,
        method: str = "GET",
        body: bytes = b"",
        host: str = "",
    ) -> Answer:
        """The front's answer."""
        return ask(self.port, target, headers, method=method, body=body, host=host)

    @property
    def access_log(self) -> Path:
        """Where it writes its requests."""
        return self.layout.logs / "front/access.log"

    @property
    def log(self) -> Path:
        """Where nginx's own words go."""
        return self.layout.logs / "front.log"

    def upstreams(self) -> tuple[Upstream, ...]:
        """All of them."""
        return (self.alice, self.bob, self.hub, self.console)

    def reset(self) -> None:
        """Stubs as they were at first."""
        self.gate.reset()
        for upstream in self.upstreams():
            upstream.reset()


Weaken = Callable[[str], str]


@contextmanager
def running(
    state: Path,
    *,
    weaken: Weaken | None = None,
    tls: tuple[Path, Path] | None = None,
    name: str = "",
    subnet: str = "",
) -> Iterator[Site]:
    """A site in that folder; `weaken` changes its nginx.conf first. `name` is the Hub's; servers' are below.

    `tls` are the files of certificate and key. `subnet` is the closed network's, to whose addresses
    connections are kept.
    """
    layout = Layout(state / "state")
    layout.make()
    layout.state.chmod(0o700)
    alice, bob, hub, console = (Upstream() for _ in range(4))
    port = free_port()
    url = f"{'https' if tls else 'http'}://{name}:{port}" if name else ""
    settings = Settings(
        state_dir=layout.state,
        run_root=state / "run",
        bind_url=f"http://127.0.0.1:{port}",
        hub_port=int(hub.address.rpartition(":")[2]),
        console_port=int(console.address.rpartition(":")[2]),
        upload_max_bytes=UPLOAD_MAX_BYTES,
        public_url=url,
        subdomain_host=url,
        ssl_cert=tls[0] if tls else None,
        ssl_key=tls[1] if tls else None,
        **({"network_subnet": subnet} if subnet else {}),
    )
    gate = Gate(settings.gate_socket, {"/user/alice/": alice.address, "/user/bob/": bob.address})
    front = Front(settings, layout)
    with pytest.MonkeyPatch.context() as patch:
        if weaken is not None:
            patch.setattr(front_setup, "nginx_conf", lambda values: weaken(nginx_conf(values)))
        front.start()
    site = Site(front, layout, settings, port, gate, alice, bob, hub, console)
    try:
        yield site
    finally:
        gate.close()
        front.stop()
        assert not settings.run_dir.exists()
        for upstream in site.upstreams():
            upstream.close()
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("front")) as site:
        yield site


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    """The front that tests share; its stubs are as at first."""
    shared_site.reset()
    yield shared_site
    if not shared_site.gate.path.exists():
        shared_site.gate.open()


@pytest.fixture
def another_site(tmp_path: Path) -> Callable[..., AbstractContextManager[Site]]:
    """Makes a front of the test's own."""
    return lambda **changes: running(tmp_path / "another", **changes)
