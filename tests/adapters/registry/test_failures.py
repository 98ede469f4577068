"""What a real registry will not do on demand: lies, pages, errors, redirects, slowness."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from hub_ext.adapters.registry import Platform, RegistryClient, Timeouts
from hub_ext.adapters.registry.manifests import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST, digest_of
from hub_ext.errors import ManifestUnknown, RegistryDenied, RegistryError, RegistryUnreachable
from hub_ext.settings import RegistrySettings
from tests.adapters.registry.conftest import Serve

AMD64 = Platform("linux", "amd64")
DIGEST = "sha256:" + "a" * 64
IMAGE = {
    "schemaVersion": 2,
    "mediaType": OCI_MANIFEST,
    "config": {"digest": DIGEST, "size": 2},
    "layers": [{"digest": DIGEST, "size": 1}],
}


async def ask(settings: RegistrySettings, reference: str = "1", **options: Any) -> None:
    async with RegistryClient(settings, **options) as registry:
        await registry.config("a/b", await registry.manifest("a/b", reference, AMD64))


def manifest(value: Any, kind: str = OCI_MANIFEST, **headers: str) -> web.Response:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return web.Response(body=body, headers={"Content-Type": kind, **headers})


async def test_pages_of_tags_are_followed(serve: Serve) -> None:
    # Debian's registry 2.8 gives all tags at once whatever `n` says; others page, as specified.
    tags = [f"t{n:02}" for n in range(27)]
    asked = []

    async def pages(request: web.Request) -> web.StreamResponse:
        if "Authorization" not in request.headers:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        n, last = int(request.query["n"]), request.query.get("last", "")
        asked.append(last)
        page = [tag for tag in tags if tag > last][:n]
        headers = {}
        if page[-1] != tags[-1]:
            headers["Link"] = f'</v2/a/b/tags/list?last={page[-1]}&n={n}>; rel="next"'
        return web.json_response({"name": "a/b", "tags": page}, headers=headers)

    async with serve(pages) as settings, RegistryClient(settings, page=5) as registry:
        assert await registry.tags("a/b") == tuple(tags)
    assert asked == ["", "t04", "t09", "t14", "t19", "t24"]


@pytest.mark.parametrize("null", [None, []])
async def test_a_repository_without_tags(serve: Serve, null: Any) -> None:
    async def empty(_: web.Request) -> web.StreamResponse:
        return web.json_response({"name": "a/b", "tags": null})

    async with serve(empty) as settings, RegistryClient(settings) as registry:
        assert await registry.tags("a/b") == ()


@pytest.mark.parametrize(
    "link",
    [
        "<https://elsewhere.invalid/v2/a/b/tags/list?last=x>",
        "</v2/c/d/tags/list?last=x>",
        "<>",
        "<https://[>",
    ],
)
async def test_a_next_page_elsewhere_is_not_followed(serve: Serve, link: str) -> None:
    asked = []

    async def pages(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.json_response({"tags": ["x"]}, headers={"Link": f'{link}; rel="next"'})

    async with serve(pages) as settings, RegistryClient(settings) as registry:
        with pytest.raises(RegistryError, match="lies elsewhere"):
            await registry.tags("a/b")
    assert asked == ["/v2/a/b/tags/list"]


async def test_pages_without_end_end(serve: Serve) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        number = int(request.query.get("last", "0")) + 1
        headers = {"Link": f'</v2/a/b/tags/list?last={number}>; rel="next"'}
        return web.json_response({"tags": [f"t{number}"]}, headers=headers)

    async with serve(endless) as settings:
        async with RegistryClient(settings, Timeouts(listing=0.1)) as registry:
            with pytest.raises(RegistryUnreachable, match=r"did not list the tags of .*/a/b in time"):
                await registry.tags("a/b")
        async with RegistryClient(settings) as registry:
            with pytest.raises(RegistryError, match="more than 1000 pages"):
                await registry.tags("a/b")


@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [
        (500, RegistryError, "answered 500"),
        (503, RegistryError, "answered 503"),
        (403, RegistryDenied, "does not let us read"),
        (404, ManifestUnknown, "There is no localhost"),
        (429, RegistryUnreachable, "asked too often"),
        (418, RegistryError, "answered 418"),
    ],
)
async def test_a_status_in_words(serve: Serve, status: int, kind: type[RegistryError], sentence: str) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text="<html>")

    async with serve(answer) as settings:
        with pytest.raises(RegistryError, match=sentence) as caught:
            await ask(settings)
    assert type(caught.value) is kind
    assert caught.value.advice


@pytest.mark.parametrize(
    ("body", "kind", "sentence"),
    [
        (b"{", OCI_MANIFEST, "is not JSON"),
        (b"\xff", OCI_MANIFEST, "is not JSON"),
        (b"[" * 100_000, OCI_MANIFEST, "is not JSON"),
        (b"[]", OCI_MANIFEST, "is not a JSON object"),
        (IMAGE, "text/html", "of two types at once"),
        (IMAGE, OCI_INDEX, "of two types at once"),
        (IMAGE | {"manifests": []}, OCI_MANIFEST, "of two types at once"),
        ({"schemaVersion": 1}, "application/vnd.docker.distribution.manifest.v1+json", "no image of today"),
        (IMAGE | {"config": None}, OCI_MANIFEST, "names no configuration"),
        (IMAGE | {"config": {"digest": "x", "size": 1}}, OCI_MANIFEST, "odd digest"),
        (IMAGE | {"config": {"digest": DIGEST, "size": -1}}, OCI_MANIFEST, "odd size"),
        (IMAGE | {"layers": None}, OCI_MANIFEST, "lacks a list"),
        (IMAGE | {"layers": ["x"]}, OCI_MANIFEST, "odd layers"),
        ({"mediaType": OCI_INDEX}, OCI_INDEX, "lacks a list"),
        ({"mediaType": OCI_INDEX, "manifests": [1, {}]}, OCI_INDEX, r"it has: None/None"),
        ({"mediaType": DOCKER_LIST, "manifests": []}, DOCKER_LIST, r"it has: none"),
    ],
)
async def test_manifests_that_are_none(serve: Serve, body: Any, kind: str, sentence: str) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return manifest(body, kind)

    async with serve(answer) as settings:
        with pytest.raises(RegistryError, match=sentence):
            await ask(settings)


@pytest.mark.parametrize(("reference", "promised"), [("1", DIGEST), (DIGEST, DIGEST), (DIGEST, "")])
async def test_a_manifest_with_another_digest_is_refused(serve: Serve, reference: str, promised: str) -> None:
    async def lying(_: web.Request) -> web.StreamResponse:
        return manifest(IMAGE, **({"Docker-Content-Digest": promised} if promised else {}))

    async with serve(lying) as settings:
        with pytest.raises(RegistryError, match=r"^The manifest of .* does not have its digest") as caught:
            await ask(settings, reference)
    assert "do not use it" in caught.value.advice


async def test_what_is_no_image_in_an_index_is_not_chosen(serve: Serve) -> None:
    artefact = {"mediaType": "application/vnd.oci.artifact.manifest.v1+json", "digest": DIGEST}
    index = {"manifests": [artefact | {"platform": {"os": "linux", "architecture": "amd64"}}]}

    async def answer(_: web.Request) -> web.StreamResponse:
        return manifest(index, OCI_INDEX)

    async with serve(answer) as settings:
        with pytest.raises(ManifestUnknown, match="no image for linux/amd64"):
            await ask(settings)


async def test_a_refused_password_is_sent_once_for_each_call(serve: Serve) -> None:
    asked = []

    async def refuse(request: web.Request) -> web.StreamResponse:
        asked.append("Authorization" in request.headers)
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})

    async with serve(refuse) as settings, RegistryClient(settings) as registry:
        for _ in range(2):
            with pytest.raises(RegistryDenied):
                await registry.ping()
    assert asked == [False, True, True]


async def test_an_answer_that_stalls_is_given_up(serve: Serve) -> None:
    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": OCI_MANIFEST})
        await response.prepare(request)
        await response.write(b"{")
        await asyncio.sleep(3)
        return response

    async with serve(stall) as settings, asyncio.timeout(2):
        with pytest.raises(RegistryUnreachable, match="did not answer in time"):
            await ask(settings, timeouts=Timeouts(read=0.2))


async def test_an_index_in_an_index_is_refused(serve: Serve) -> None:
    inner = json.dumps({"mediaType": OCI_INDEX, "manifests": []}).encode()
    entry = {"digest": digest_of(inner), "platform": {"os": "linux", "architecture": "amd64"}}

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/1"):
            return manifest({"mediaType": OCI_INDEX, "manifests": [entry]}, OCI_INDEX)
        return manifest(inner, OCI_INDEX)

    async with serve(answer) as settings:
        with pytest.raises(RegistryError, match="index of indexes"):
            await ask(settings)


async def test_a_configuration_with_another_digest_is_refused(serve: Serve) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return manifest(IMAGE) if "/manifests/" in request.path else web.Response(body=b"{}")

    async with serve(answer) as settings:
        with pytest.raises(RegistryError, match=r"configuration of .* does not have its digest"):
            await ask(settings)


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'{"config": 3}', b'{"history": 3}', b'{"config": {"Env": {}, "Cmd": 3}}'],
)
async def test_configurations_that_are_none(serve: Serve, body: bytes) -> None:
    image = IMAGE | {"config": {"digest": digest_of(body), "size": len(body)}}

    async def answer(request: web.Request) -> web.StreamResponse:
        return manifest(image) if "/manifests/" in request.path else web.Response(body=body)

    async with serve(answer) as settings:
        with pytest.raises(RegistryError):
            await ask(settings)


async def test_odd_configurations_are_read_as_empty(serve: Serve) -> None:
    body = json.dumps(
        {"os": 1, "config": {"Volumes": "abc", "Labels": [1], "Env": ["A"], "Cmd": "run this", "User": None}}
    ).encode()
    image = IMAGE | {"config": {"digest": digest_of(body), "size": len(body)}}

    async def answer(request: web.Request) -> web.StreamResponse:
        return manifest(image) if "/manifests/" in request.path else web.Response(body=body)

    async with serve(answer) as settings, RegistryClient(settings) as registry:
        config = await registry.config("a/b", await registry.manifest("a/b", "1", AMD64))
    assert (config.os, config.volumes, config.labels, config.user) == ("", (), {}, "")
    assert (config.env, config.command) == ({"A": ""}, ("run this",))


async def test_a_truncated_answer(serve: Serve) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": OCI_MANIFEST, "Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"half":')
        assert request.transport is not None
        request.transport.close()
        return response

    async with serve(answer) as settings:
        with pytest.raises(RegistryUnreachable, match="broke off its answer"):
            await ask(settings)


async def test_an_answer_without_end_is_cut(serve: Serve) -> None:
    sent = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": OCI_MANIFEST})
        await response.prepare(request)
        while True:
            await response.write(b" " * 2**20)
            sent += 1

    async with serve(answer) as settings:
        with pytest.raises(RegistryError, match="more than 4194304 bytes"):
            await ask(settings)
    assert sent < 32


async def test_a_slow_answer_is_given_up(serve: Serve) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": OCI_MANIFEST})
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.05)

    async with serve(drip) as settings, asyncio.timeout(3):
        with pytest.raises(RegistryUnreachable, match="did not answer in time"):
            await ask(settings, timeouts=Timeouts(request=0.4))


async def test_redirects_stay_on_the_host(serve: Serve) -> None:
    seen = []

    async def canary(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        return web.Response()

    async with serve(canary, name="canary") as other:

        async def away(_: web.Request) -> web.StreamResponse:
            raise web.HTTPTemporaryRedirect(f"https://{other.address}/v2/a/b/manifests/1")

        async with serve(away) as settings:
            with pytest.raises(
                RegistryDenied, match=f"sends us to https://{other.address}; we do not follow"
            ):
                await ask(settings)
    assert seen == []


@pytest.mark.parametrize(
    "target", ["http://{host}/x", "file:///etc/passwd", "https://[", "//169.254.169.254/"]
)
async def test_redirects_to_odd_places_are_not_followed(serve: Serve, target: str) -> None:
    async def away(request: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": target.format(host=request.host)})

    async with serve(away) as settings:
        with pytest.raises(RegistryDenied, match="we do not follow"):
            await ask(settings)


async def test_a_redirect_on_the_host_is_followed_and_a_loop_ends(serve: Serve) -> None:
    asked = 0

    async def moving(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if request.path == "/moved":
            return web.Response(text="{}")
        raise web.HTTPFound("/moved" if request.path == "/v2/" else request.path)

    async with serve(moving) as settings, RegistryClient(settings) as registry:
        await registry.ping()
        asked = 0
        with pytest.raises(RegistryError, match="redirects without end"):
            await registry.tags("a/b")
    assert asked == 4


async def test_what_speaks_no_registry_is_named(serve: Serve) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=202, text="hello")

    async with serve(answer) as settings, RegistryClient(settings) as registry:
        with pytest.raises(RegistryError, match="is no registry"):
            await registry.ping()
        with pytest.raises(RegistryError, match="is not JSON"):
            await registry.tags("a/b")


async def test_a_web_server_without_a_registry_is_named(serve: Serve) -> None:
    async def nothing(_: web.Request) -> web.StreamResponse:
        return web.Response(status=404, text="no such page")

    async with serve(nothing) as settings, RegistryClient(settings) as registry:
        with pytest.raises(RegistryError, match=f"{settings.address} is no registry: /v2/ answers 404"):
            await registry.ping()


async def test_no_error_carries_the_password(serve: Serve) -> None:
    async def garbage(request: web.Request) -> web.StreamResponse:
        if "Authorization" not in request.headers:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 nonsense\r\n\r\n")  # type: ignore[attr-defined]
        request.transport.close()
        return web.Response()

    async with serve(garbage) as settings, RegistryClient(settings) as registry:
        with pytest.raises(RegistryError) as caught:
            await registry.tags("a/b")
        secret = registry._authorization("")
        assert secret.startswith("Basic ")
        chain: BaseException | None = caught.value
        while chain is not None:
            assert secret not in repr(chain)
            chain = chain.__cause__
