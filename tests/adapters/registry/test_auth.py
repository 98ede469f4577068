"""The auth file, and tokens from the real registry in token mode."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from hub_ext.adapters.registry import Platform, RegistryClient
from hub_ext.adapters.registry.auth import Credentials, parse_challenge, read_credentials
from hub_ext.errors import RegistryDenied, RegistryError, SettingsError
from hub_ext.settings import RegistrySettings
from tests.adapters.registry.conftest import Serve
from tests.support.certificates import Authority
from tests.support.registry import PASSWORD, USERNAME, LiveRegistry, auth_file, live_registry

OURS = f"{USERNAME}:{PASSWORD}"


def named(path: Path) -> RegistrySettings:
    return RegistrySettings("main", "localhost:1", auth_file=path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o601])
def test_an_auth_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = auth_file(tmp_path / "auth.json", mode=mode)
    with pytest.raises(SettingsError, match=f"is open to others .mode {mode:o}") as caught:
        read_credentials(named(path))
    assert f"chmod 600 {path}" in caught.value.advice
    path.chmod(0o600)
    assert read_credentials(named(path)) == Credentials(USERNAME, PASSWORD)


@pytest.mark.parametrize(
    "text",
    ["", "geheim", "[]", '{"username": "u"}', '{"username": "a:b", "password": "geheim"}', '{"username": 1}'],
)
def test_an_auth_file_without_credentials_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    path = tmp_path / "auth.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="cannot be used") as caught:
        read_credentials(named(path))
    assert "geheim" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_auth_file_that_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_credentials(named(tmp_path / "absent"))
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(SettingsError, match="is not a file"):
        read_credentials(named(tmp_path / "fifo"))


def test_no_repr_shows_a_password() -> None:
    assert PASSWORD not in repr(Credentials(USERNAME, PASSWORD))


def test_challenges() -> None:
    found = parse_challenge(['Basic realm="x"', 'Bearer realm="https://a/t",service="s, t",scope=b'])
    assert found is not None
    assert (found.scheme, found.parameters) == (
        "bearer",
        {"realm": "https://a/t", "service": "s, t", "scope": "b"},
    )
    assert parse_challenge(["Negotiate", ""]) is None


# --- tokens ---


@dataclass
class TokenServer:
    """Grants what the password's owner asks for, as distribution's token specification says."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    asked: list[tuple[str, str]] = field(default_factory=list)
    lasts: int = 300

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path != "/token":
            return web.Response(status=404)
        self.asked.append((request.query.get("scope", ""), request.headers.get("Authorization", "")))
        if request.headers.get("Authorization") != f"Basic {base64.b64encode(OURS.encode()).decode()}":
            return web.Response(status=401)
        return web.json_response(
            {
                "token": self.sign(request.query.get("scope", ""), request.query["service"]),
                "expires_in": self.lasts,
            }
        )

    def sign(self, scope: str, service: str) -> str:
        access = []
        if scope:
            kind, name, actions = scope.split(":")
            access = [{"type": kind, "name": name, "actions": actions.split(",")}]
        now = int(time.time())
        head = {
            "typ": "JWT",
            "alg": "ES256",
            "x5c": [
                base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode(),
            ],
        }
        body = {
            "iss": "tests",
            "sub": USERNAME,
            "aud": service,
            "iat": now,
            "nbf": now - 5,
            "exp": now + 300,
            "access": access,
        }
        signed = f"{_b64(json.dumps(head).encode())}.{_b64(json.dumps(body).encode())}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


@dataclass
class Guarded:
    """A registry in token mode, its token server, and settings that allow the server's host."""

    registry: LiveRegistry
    tokens: TokenServer
    settings: RegistrySettings
    digest: str


@pytest.fixture
async def guarded(authority: Authority, serve: Serve, tmp_path: Path) -> AsyncIterator[Guarded]:
    certificate_file, key_file = authority.issue("signer", hosts=())
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    tokens = TokenServer(key, x509.load_pem_x509_certificate(certificate_file.read_bytes()))
    async with serve(tokens.answer, name="tokens") as token_settings:
        realm = f"https://{token_settings.address}/token"
        token = {
            "realm": realm,
            "service": "registry",
            "issuer": "tests",
            "rootcertbundle": str(authority.ca_file),
        }
        with live_registry(tmp_path / "registry", authority, token=token, alias="tokens") as registry:
            registry.authorization = "Bearer " + tokens.sign("repository:guarded/image:pull,push", "registry")
            digest = registry.push_image("guarded/image", "1")
            allowed = replace(registry.settings, token_hosts=(token_settings.address,))
            yield Guarded(registry, tokens, allowed, digest)


async def test_a_token_is_fetched_once_for_each_scope(guarded: Guarded) -> None:
    async with RegistryClient(guarded.settings) as registry:
        await registry.ping()
        assert await registry.tags("guarded/image") == ("1",)
        manifest = await registry.manifest("guarded/image", "1", Platform())
        assert manifest.digest == guarded.digest
        assert (await registry.config("guarded/image", manifest)).os == "linux"
    assert [scope for scope, _ in guarded.tokens.asked] == ["", "repository:guarded/image:pull"]


async def test_a_token_that_ends_is_fetched_again(guarded: Guarded) -> None:
    guarded.tokens.lasts = 1
    async with RegistryClient(guarded.settings) as registry:
        await registry.tags("guarded/image")
        registry._tokens = {scope: (token, 0.0) for scope, (token, _) in registry._tokens.items()}
        assert await registry.tags("guarded/image") == ("1",)
    assert len(guarded.tokens.asked) == 2


async def test_the_token_server_refuses_a_wrong_password(guarded: Guarded, tmp_path: Path) -> None:
    wrong = replace(guarded.settings, auth_file=auth_file(tmp_path / "wrong.json", password="no"))
    async with RegistryClient(wrong) as registry:
        with pytest.raises(RegistryDenied, match="refused our credentials for a token of localhost"):
            await registry.tags("guarded/image")


async def test_a_realm_on_another_host_gets_no_password(guarded: Guarded) -> None:
    async with RegistryClient(guarded.registry.settings) as registry:
        with pytest.raises(RegistryDenied, match="our password does not go there") as caught:
            await registry.tags("guarded/image")
    assert "token_hosts" in caught.value.advice
    assert guarded.tokens.asked == []


@pytest.mark.parametrize("realm", ["http://{host}/token", "https://u:p@{host}/token", "//x", "", "https://["])
async def test_odd_realms_get_no_password(serve: Serve, realm: str) -> None:
    seen = []

    async def challenge(request: web.Request) -> web.StreamResponse:
        seen.append((request.path, request.headers.get("Authorization")))
        header = f'Bearer realm="{realm.format(host=request.host)}",service="x"'
        return web.Response(status=401, headers={"WWW-Authenticate": header})

    async with serve(challenge) as settings, RegistryClient(settings) as registry:
        with pytest.raises(RegistryError, match=r"for a token|for a password|to fetch it"):
            await registry.ping()
    assert seen == [("/v2/", None)]
