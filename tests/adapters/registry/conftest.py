"""A real registry with a password, and a fake one for what a real one will not do on demand."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from hub_ext.settings import RegistrySettings
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.registry import LiveRegistry, auth_file, live_registry

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[..., AbstractAsyncContextManager[RegistrySettings]]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[LiveRegistry]:
    with live_registry(tmp_path_factory.mktemp("registry"), authority) as running:
        yield running


@pytest.fixture
def serve(authority: Authority, tmp_path: Path) -> Serve:
    """`async with serve(handler) as settings`: an HTTPS server that answers everything by the handler."""

    @asynccontextmanager
    async def serving(handler: Handler, *, name: str = "fake") -> AsyncIterator[RegistrySettings]:
        certificate, key = authority.issue(name, hosts=("localhost",))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        app = web.Application(client_max_size=2**20)
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        try:
            yield RegistrySettings(
                "main",
                f"localhost:{port}",
                ca_file=authority.ca_file,
                auth_file=auth_file(tmp_path / f"{name}.json"),
            )
        finally:
            await runner.cleanup()

    return serving
