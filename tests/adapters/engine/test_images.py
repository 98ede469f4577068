"""Pulls by digest from a real registry over TLS with a password, and every way in which they fail."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import os
import secrets
import ssl
import tarfile
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hub_ext.adapters.engine import Engine, PullProgress
from hub_ext.errors import ImageUnavailable
from hub_ext.settings import RegistrySettings, Settings
from tests.support.registry import LiveRegistry, auth_file

GONE = "sha256:" + "0" * 64


def layer(size: int = 1000) -> bytes:
    """A tar with one file of random bytes: another digest each time."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("content")
        entry.size = size
        tar.addfile(entry, io.BytesIO(os.urandom(size)))
    return packed.getvalue()


@pytest.fixture
def live(registry: RegistrySettings) -> LiveRegistry:
    """The run's registry, to push to by its own API."""
    assert registry.auth_file is not None
    known = json.loads(registry.auth_file.read_text())
    plain = f"{known['username']}:{known['password']}".encode()
    context = ssl.create_default_context(cafile=registry.ca_file)
    authorization = "Basic " + base64.b64encode(plain).decode()
    return LiveRegistry(registry, None, authorization, context)  # type: ignore[arg-type]


@pytest_asyncio.fixture
async def repository(engine: Engine, registry: RegistrySettings) -> AsyncIterator[str]:
    """HOST:PORT/path of a repository; what the engine has of it is removed."""
    name = f"{registry.address}/engine/{secrets.token_hex(6)}"
    yield name
    for image in (await engine._call("list", "GET", "/images/json", parameters={"digests": 1})).json():
        for digest in image.get("RepoDigests") or ():
            if digest.startswith(name):
                await engine._call("remove", "DELETE", f"/images/{digest}", parameters={"force": 1})


def path_of(repository: str) -> str:
    return repository.partition("/")[2]


async def test_pulled_by_digest_whatever_the_tag_says(
    engine: Engine, live: LiveRegistry, repository: str
) -> None:
    wanted = live.push_image(path_of(repository), "1", layer=layer())
    moved = live.push_image(path_of(repository), "1", layer=layer())
    assert not await engine.has_image(repository, wanted)
    await engine.pull(repository, wanted)
    assert await engine.has_image(repository, wanted)
    assert not await engine.has_image(repository, moved)
    image = (await engine._call("look", "GET", f"/images/{repository}@{wanted}/json")).json()
    assert (image["RepoTags"], image["RepoDigests"]) == ([], [f"{repository}@{wanted}"])


async def test_progress_is_told_on_the_loop_and_ends_complete(
    engine: Engine, live: LiveRegistry, repository: str
) -> None:
    digest = live.push_image(path_of(repository), "1", layer=layer(3_000_000))
    heard: list[tuple[PullProgress, bool]] = []

    def progress(at: PullProgress) -> None:
        heard.append((at, asyncio.get_running_loop() is loop))

    loop = asyncio.get_running_loop()
    await engine.pull(repository, digest, progress=progress)
    last, on_loop = heard[-1]
    assert on_loop
    assert (last.layers_done, last.layers) == (1, 1)
    assert last.done_bytes == last.total_bytes > 3_000_000


async def test_pulls_of_one_digest_are_one_and_outlive_a_waiter(
    engine: Engine, live: LiveRegistry, repository: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = live.push_image(path_of(repository), "1", layer=layer(2_000_000))
    asked: list[str] = []
    real = engine._pull_now

    def counting(repository: str, *rest: Any) -> None:
        asked.append(repository)
        time.sleep(0.3)
        real(repository, *rest)

    monkeypatch.setattr(engine, "_pull_now", counting)
    waiters = [asyncio.create_task(engine.pull(repository, digest)) for _ in range(5)]
    await asyncio.sleep(0.1)
    waiters[0].cancel()
    ended = await asyncio.gather(*waiters, return_exceptions=True)
    assert [type(end) for end in ended] == [asyncio.CancelledError] + [type(None)] * 4
    assert asked == [repository]
    assert await engine.has_image(repository, digest)


async def test_what_is_there_starts_without_the_registry(
    closed_network: Settings, engine: Engine, live: LiveRegistry, registry: RegistrySettings, repository: str
) -> None:
    digest = live.push_image(path_of(repository), "1", layer=layer())
    await engine.pull(repository, digest)
    wrong = replace(registry, auth_file=Path("/none"))
    await engine.pull(repository, digest, registry=wrong)


async def refused(
    engine: Engine, repository: str, digest: str, registry: RegistrySettings | None = None
) -> ImageUnavailable:
    """The failure of a pull, in bounded time."""
    began = time.monotonic()
    with pytest.raises(ImageUnavailable) as caught:
        await engine.pull(repository, digest, registry=registry)
    assert time.monotonic() - began < 20
    assert caught.value.advice
    return caught.value


async def test_a_wrong_password_is_said_and_never_shown(
    engine: Engine,
    live: LiveRegistry,
    registry: RegistrySettings,
    repository: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    digest = live.push_image(path_of(repository), "1", layer=layer())
    wrong = replace(registry, auth_file=auth_file(tmp_path / "auth.json", "hub-ext", "open-sesame"))
    error = await refused(engine, repository, digest, wrong)
    assert error.message == f"The registry refused our credentials for {repository}."
    assert (error.cause, "auth_file" in error.advice) == ("registry-denied", True)
    anonymous = await refused(engine, repository, digest, replace(registry, auth_file=None))
    assert anonymous.cause == "registry-denied"
    header = base64.urlsafe_b64encode(b"open-sesame").decode().rstrip("=")[2:-2]
    for secret in ("open-sesame", header):
        assert secret not in f"{error} {error.__cause__} {caplog.text}"


@pytest.mark.parametrize("content", [None, "no json: open-sesame", '{"username": "open-sesame"}', "[]"])
async def test_an_unreadable_auth_file_is_said_and_never_quoted(
    engine: Engine, registry: RegistrySettings, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "auth.json"
    if content is not None:
        file.write_text(content)
    error = await refused(engine, f"{registry.address}/engine/x", GONE, replace(registry, auth_file=file))
    assert error.message == "The credentials of the registry local cannot be read."
    assert "open-sesame" not in f"{error} {error.__cause__}"


async def test_a_digest_that_is_gone(engine: Engine, live: LiveRegistry, repository: str) -> None:
    digest = live.push_image(path_of(repository), "1", layer=layer())
    live.request(
        "DELETE", f"/v2/{path_of(repository)}/manifests/{digest}", None, {"Authorization": live.authorization}
    )
    for absent in (digest, GONE):
        error = await refused(engine, repository, absent)
        assert error.cause == "image-gone"
        assert f"{repository}@{absent}" in error.message
    assert (await refused(engine, f"{repository}/none", GONE)).cause == "image-gone"


async def test_a_registry_that_is_down(engine: Engine, registry: RegistrySettings) -> None:
    host = registry.address.rpartition(":")[0]
    error = await refused(engine, f"{host}:9/engine/x", GONE)
    assert error.message == f"The registry {host}:9 does not answer."
    assert error.cause == "registry-silent"


async def test_a_registry_whose_authority_is_not_trusted(
    engine: Engine, live: LiveRegistry, registry: RegistrySettings
) -> None:
    """The same registry by another port, for which the engine has no authority."""
    host, _, port = registry.address.rpartition(":")

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(port))

        async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        await asyncio.gather(pipe(reader, back), pipe(there, writer), return_exceptions=True)

    server = await asyncio.start_server(carry, host, 0)
    other = server.sockets[0].getsockname()[1]
    try:
        error = await refused(engine, f"{host}:{other}/engine/x", GONE, registry)
    finally:
        server.close()
    assert error.message == f"The engine does not trust the certificate of the registry {host}:{other}."
    assert f"/etc/docker/certs.d/{host}:{other}/ca.crt" in error.advice


async def test_a_registry_that_says_nothing_is_given_up(
    closed_network: Settings, registry: RegistrySettings
) -> None:
    engine = Engine(replace(closed_network, pull_seconds=1))
    held: list[asyncio.StreamWriter] = []
    host = registry.address.rpartition(":")[0]
    server = await asyncio.start_server(lambda _, writer: held.append(writer), host, 0)
    try:
        other = server.sockets[0].getsockname()[1]
        error = await refused(engine, f"{host}:{other}/engine/x", GONE)
        assert error.cause == "pull-too-slow"
    finally:
        for writer in held:
            writer.close()
        server.close()
        engine.close()
