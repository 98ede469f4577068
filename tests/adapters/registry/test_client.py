"""Against the real registry: TLS, password, manifests, indexes, configurations."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hub_ext.adapters.registry import Platform, RegistryClient, Timeouts, machine_platform
from hub_ext.adapters.registry.manifests import OCI_MANIFEST
from hub_ext.errors import InputError, ManifestUnknown, RegistryDenied, RegistryUnreachable, SettingsError
from hub_ext.settings import RegistrySettings
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.registry import PASSWORD, LiveRegistry, auth_file

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


async def test_ping_tags_and_digest(live: LiveRegistry) -> None:
    digests = {f"t{n:02}": live.push_image("client/tags", f"t{n:02}", layer=b"%d" % n) for n in range(27)}
    async with RegistryClient(live.settings) as registry:
        await registry.ping()
        assert await registry.tags("client/tags") == tuple(sorted(digests))
        assert await registry.resolve("client/tags", "t07", AMD64) == digests["t07"]


async def test_a_moved_tag_resolves_to_the_new_digest_and_the_old_one_stays(live: LiveRegistry) -> None:
    first = live.push_image("client/moved", "1", layer=b"first")
    second = live.push_image("client/moved", "1", layer=b"second")
    assert first != second
    async with RegistryClient(live.settings) as registry:
        assert await registry.resolve("client/moved", "1", AMD64) == second
        assert (await registry.manifest("client/moved", first, AMD64)).digest == first


async def test_manifest_and_configuration(live: LiveRegistry) -> None:
    digest = live.push_image(
        "client/config",
        "1",
        config={
            "User": "1000",
            "Env": ["PATH=/bin", "A=b=c", "EMPTY="],
            "Labels": {"io.hub-ext.contract": "1"},
            "Entrypoint": ["/opt/hub-ext/start"],
            "Cmd": ["jupyterhub-singleuser"],
            "Volumes": {"/b": {}, "/a": {}},
            "WorkingDir": "/home/jovyan",
            "Healthcheck": {"Test": ["NONE"]},
        },
        history=[{"created_by": "RUN one"}, {"created_by": "RUN two"}],
    )
    async with RegistryClient(live.settings) as registry:
        manifest = await registry.manifest("client/config", "1", AMD64)
        config = await registry.config("client/config", manifest)
    assert (manifest.digest, manifest.media_type, manifest.index_digest) == (digest, OCI_MANIFEST, "")
    assert manifest.total_bytes == manifest.config_size + len(b"layer")
    assert config.digest == manifest.config_digest
    assert (config.os, config.architecture, config.user) == ("linux", "amd64", "1000")
    assert config.env == {"PATH": "/bin", "A": "b=c", "EMPTY": ""}
    assert config.labels == {"io.hub-ext.contract": "1"}
    assert config.entrypoint == ("/opt/hub-ext/start",)
    assert config.command == ("jupyterhub-singleuser",)
    assert config.volumes == ("/a", "/b")
    assert (config.working_dir, config.healthcheck) == ("/home/jovyan", True)
    assert config.created == "2026-01-02T03:04:05Z"
    assert config.history == ("RUN one", "RUN two")


async def test_an_index_gives_the_image_of_the_platform(live: LiveRegistry) -> None:
    for_amd64 = live.push_image("client/index", "amd64")
    for_arm64 = live.push_image("client/index", "arm64", architecture="arm64")
    both = {"linux/arm64": for_arm64, "linux/amd64": for_amd64, "unknown/unknown": for_arm64}
    index = live.push_index("client/index", "both", both)
    async with RegistryClient(live.settings) as registry:
        chosen = await registry.manifest("client/index", "both", AMD64)
        assert (chosen.digest, chosen.index_digest) == (for_amd64, index)
        assert await registry.resolve("client/index", "both", ARM64) == for_arm64
        assert await registry.resolve("client/index", index, ARM64) == for_arm64
        here = {"amd64": for_amd64, "arm64": for_arm64}[machine_platform().architecture]
        assert await registry.resolve("client/index", "both") == here
        with pytest.raises(
            ManifestUnknown, match=r"no image for linux/s390x \(it has: linux/amd64, linux/arm64\)"
        ):
            await registry.resolve("client/index", "both", Platform("linux", "s390x"))


async def test_deleted_and_unknown_images_are_unknown(live: LiveRegistry) -> None:
    digest = live.push_image("client/gone", "1")
    async with RegistryClient(live.settings) as registry:
        await registry.delete("client/gone", digest)
        for path, reference in (("client/gone", digest), ("client/gone", "1"), ("client/never", "1")):
            with pytest.raises(ManifestUnknown, match="There is no localhost"):
                await registry.manifest(path, reference, AMD64)
        with pytest.raises(ManifestUnknown):
            await registry.tags("client/never")


async def test_a_tag_is_moved_and_its_manifest_keeps_its_digest(live: LiveRegistry) -> None:
    first, second = live.push_image("client/moved", "1"), live.push_image("client/moved", "2", layer=b"other")
    assert first != second
    async with RegistryClient(live.settings) as registry:
        for digest in (first, second, first):
            await registry.tag("client/moved", digest, "latest")
            assert await registry.resolve("client/moved", "latest", AMD64) == digest
        with pytest.raises(ManifestUnknown):
            await registry.tag("client/moved", "sha256:" + "0" * 64, "latest")


@pytest.mark.parametrize(
    "path", ["", "Upper/case", "a//b", "../x", "a/../b", "a?n=1", "a b", "x" * 256, "a\n"]
)
async def test_a_path_that_cannot_exist_is_not_sent(live: LiveRegistry, path: str) -> None:
    async with RegistryClient(live.settings) as registry:
        with pytest.raises(InputError, match="cannot be the path"):
            await registry.tags(path)


@pytest.mark.parametrize("reference", ["", "a/b", "..", "sha256:abc", "sha256:" + "A" * 64, "x" * 129, "1\n"])
async def test_a_reference_that_cannot_exist_is_not_sent(live: LiveRegistry, reference: str) -> None:
    async with RegistryClient(live.settings) as registry:
        with pytest.raises(InputError, match="neither a tag nor a digest"):
            await registry.manifest("client/tags", reference)


async def test_a_wrong_password_is_refused_once_and_not_shown(live: LiveRegistry, tmp_path: Path) -> None:
    wrong = replace(live.settings, auth_file=auth_file(tmp_path / "wrong.json", password="hunter2-secret"))
    async with RegistryClient(wrong) as registry:
        for _ in range(2):
            with pytest.raises(
                RegistryDenied, match=f"refused our credentials for {wrong.address}"
            ) as caught:
                await registry.ping()
            assert "auth_file" in caught.value.advice
            assert "hunter2" not in f"{caught.value!r} {registry!r} {vars(registry)!r}"


async def test_without_a_password_the_registry_asks_for_one(live: LiveRegistry) -> None:
    async with RegistryClient(replace(live.settings, auth_file=None)) as registry:
        with pytest.raises(RegistryDenied, match="asks for a password, and we have none"):
            await registry.ping()


async def test_another_authority_is_not_trusted(live: LiveRegistry, tmp_path: Path) -> None:
    stranger = replace(live.settings, ca_file=Authority(tmp_path).ca_file)
    async with RegistryClient(stranger) as registry:
        with pytest.raises(RegistryUnreachable, match=r"certificate of localhost:\d+ is refused") as caught:
            await registry.ping()
    assert "`ca_file`" in caught.value.advice
    async with RegistryClient(replace(live.settings, ca_file=None)) as registry:
        with pytest.raises(RegistryUnreachable, match="is refused"):
            await registry.ping()


async def test_nobody_listens(authority: Authority) -> None:
    nobody = RegistrySettings("main", f"localhost:{free_port()}", ca_file=authority.ca_file)
    async with RegistryClient(nobody) as registry:
        with pytest.raises(RegistryUnreachable, match="cannot be reached"):
            await registry.ping()
    nowhere = RegistrySettings("main", "nobody.invalid:5000", ca_file=authority.ca_file)
    async with RegistryClient(nowhere) as registry:
        with pytest.raises(RegistryUnreachable, match="cannot be reached"):
            await registry.ping()


async def test_a_silent_host_is_given_up_in_time(authority: Authority) -> None:
    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = RegistrySettings("main", f"localhost:{port}", ca_file=authority.ca_file)
    async with server, RegistryClient(settings, Timeouts(connect=0.2, read=0.2, request=0.4)) as registry:
        async with asyncio.timeout(2):
            with pytest.raises(RegistryUnreachable, match="did not answer in time"):
                await registry.ping()


async def test_plain_http_is_never_spoken() -> None:
    seen = []

    async def look(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(100))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(look, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, RegistryClient(RegistrySettings("main", f"localhost:{port}")) as registry:
        with pytest.raises(RegistryUnreachable, match="does not speak TLS"):
            await registry.ping()
    assert not seen[0].startswith(b"GET")


@pytest.mark.parametrize(
    ("hosts", "lasts", "why"),
    [
        (("localhost",), timedelta(days=-1), "certificate has expired"),
        (("elsewhere",), timedelta(days=1), "not valid for 'localhost'"),
    ],
)
async def test_a_certificate_that_ended_or_is_anothers(
    authority: Authority, hosts: tuple[str, ...], lasts: timedelta, why: str
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue("odd", hosts=hosts, lasts=lasts))
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    settings = RegistrySettings("main", f"localhost:{port}", ca_file=authority.ca_file)
    async with server, RegistryClient(settings) as registry:
        with pytest.raises(RegistryUnreachable, match=why):
            await registry.ping()


async def test_a_ca_file_that_is_none(live: LiveRegistry, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="`ca_file`"):
        async with RegistryClient(replace(live.settings, ca_file=tmp_path / "absent")):
            pass


@pytest.mark.parametrize("address", ["https://x:1", "x/y", "u:p@x:1", "x:1/", "", "x:1?y", "x y:1"])
def test_an_address_is_host_and_port(address: str) -> None:
    with pytest.raises(SettingsError, match=r"address of c\.HubExt\.registries"):
        RegistryClient(RegistrySettings("main", address))


async def test_no_proxy_and_no_netrc_stand_between(
    live: LiveRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine localhost login curator password {PASSWORD}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTPS_PROXY", f"http://localhost:{free_port()}")
    async with RegistryClient(live.settings) as registry:
        await registry.ping()
    async with RegistryClient(replace(live.settings, auth_file=None)) as registry:
        with pytest.raises(RegistryDenied):
            await registry.ping()


async def test_outside_of_async_with_it_says_so(live: LiveRegistry) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await RegistryClient(live.settings).ping()
