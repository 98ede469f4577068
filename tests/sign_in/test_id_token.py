"""ID tokens: the right one is believed; each way to be wrong is refused."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hub_ext.sign_in.id_token import IdTokenRefused, ProviderKeys, subject, verified

OURS = rsa.generate_private_key(public_exponent=65537, key_size=2048)
THEIRS = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, kid: str) -> dict[str, Any]:
    algorithm = jwt.algorithms.ECAlgorithm if key is CURVE else jwt.algorithms.RSAAlgorithm
    return algorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": kid, "use": "sig"}


def token(
    key: Any = OURS, kid: str | None = "a", algorithm: str = "RS256", without: str = "", **claims: Any
) -> str:
    now = int(time.time())
    told = {"iss": "https://id.example", "sub": "s-1", "aud": "hub", "iat": now, "exp": now + 300} | claims
    told.pop(without, None)
    return jwt.encode(told, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


class Published:
    """The provider's list of keys, and how often it was asked for."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys, self.asked = list(keys), 0

    async def fetch(self) -> Any:
        self.asked += 1
        return {"keys": self.keys}


async def believed(held: str, *published: dict[str, Any]) -> Any:
    keys = ProviderKeys(Published(*(published or (jwk(OURS, "a"), jwk(CURVE, "c")))).fetch)
    return await verified(held, keys, issuer="https://id.example", client_id="hub")


async def test_the_right_one_is_believed() -> None:
    assert (await believed(token()))["sub"] == "s-1"
    assert (await believed(token(CURVE, "c", "ES256")))["sub"] == "s-1"
    assert (await believed(token(kid=None), jwk(OURS, "a")))["sub"] == "s-1"
    assert (await believed(token(aud=["hub", "other"], azp="hub")))["sub"] == "s-1"
    assert subject(token()) == "s-1"


@pytest.mark.parametrize(
    "held",
    [
        token(THEIRS),  # somebody else's key under the provider's key id
        token(THEIRS, "unknown"),
        token(kid=None),  # two keys: which one?
        token(iss="https://other.example"),
        token(aud="other"),
        token(aud=["hub", "other"]),
        token(azp="other"),
        token(exp=int(time.time()) - 120),
        token(nbf=int(time.time()) + 600),
        *(token(without=claim) for claim in ("iss", "sub", "aud", "exp", "iat")),
        token(None, algorithm="none"),
        token("the client's own secret, which is long enough", algorithm="HS256"),
        token(OURS, "c"),  # signed by one key, in another's name
        token()[:-6] + "AAAAAA",
        "no.token",
        "",
    ],
)
async def test_a_wrong_one_is_refused(held: str) -> None:
    with pytest.raises(IdTokenRefused):
        await believed(held)


async def test_a_new_key_is_fetched_once_it_is_used() -> None:
    published = Published(jwk(OURS, "a"))
    keys = ProviderKeys(published.fetch)
    for _ in range(3):
        await verified(token(), keys, issuer="https://id.example", client_id="hub")
    assert published.asked == 1
    published.keys = [jwk(THEIRS, "b")]
    await verified(token(THEIRS, "b"), keys, issuer="https://id.example", client_id="hub")
    assert published.asked == 2
    with pytest.raises(IdTokenRefused):  # the key that was withdrawn
        await verified(token(), keys, issuer="https://id.example", client_id="hub")


@pytest.mark.parametrize("answer", [[], {}, {"keys": "a"}, {"keys": [1, {"kty": "oct", "k": "c2VjcmV0"}]}])
async def test_a_list_of_keys_that_is_none_refuses(answer: Any) -> None:
    async def fetch() -> Any:
        return answer

    with pytest.raises(IdTokenRefused):
        await verified(token(), ProviderKeys(fetch), issuer="https://id.example", client_id="hub")
