"""An asynchronous client of one registry."""

from __future__ import annotations

import asyncio
import re
import time
from types import TracebackType

from yarl import URL

from hub_ext.adapters.registry.auth import Challenge, parse_challenge, read_credentials, token_url
from hub_ext.adapters.registry.manifests import (
    INDEXES,
    MANIFESTS,
    ImageConfig,
    Layer,
    Manifest,
    Platform,
    choose,
    digest_of,
    json_object,
    machine_platform,
    media_type,
    parse_config,
    parse_manifest,
)
from hub_ext.adapters.registry.transport import Answer, Timeouts, Transport
from hub_ext.errors import (
    InputError,
    ManifestUnknown,
    RegistryDenied,
    RegistryError,
    RegistryUnreachable,
)
from hub_ext.model import DIGEST
from hub_ext.phrase import Phrase
from hub_ext.settings import RegistrySettings

# From the distribution specification, "Pulling manifests".
PATH = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
MOST_PATH = 255
MOST_PAGES = 1000
TOKEN_BYTES = 64 * 1024
TOKEN_SECONDS = 60  # how long a token lasts that does not say it (distribution's token specification)

_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?', re.ASCII)


class RegistryClient:
    """Reads one registry over TLS and names what it holds: `async with RegistryClient(…) as registry: …`.

    Every call ends within the timeouts. Raises the RegistryError tree, InputError for a path or tag that
    cannot exist, SettingsError for files that cannot be used. `page` is how many tags are asked for at once.
    """

    def __init__(
        self, registry: RegistrySettings, timeouts: Timeouts | None = None, *, page: int = 500
    ) -> None:
        self.registry = registry
        self._timeouts = timeouts or Timeouts()
        self._transport = Transport(registry, self._timeouts)
        self._credentials = read_credentials(registry)
        self._page = page
        self._challenge: Challenge | None = None
        self._tokens: dict[str, tuple[str, float]] = {}

    def __repr__(self) -> str:
        return f"RegistryClient({self.registry.alias!r}, {self.registry.address!r})"

    async def __aenter__(self) -> RegistryClient:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    # --- what it is asked ---

    async def ping(self) -> None:
        """Nothing, when the registry answers and takes our credentials."""
        address = self.registry.address
        answer = await self._send("GET", self._url("/v2/"), "")
        if answer.status != 404:
            self._expect(answer, address)
        if answer.status != 200:
            raise RegistryError(
                "{address} is no registry: /v2/ answers {status}.",
                advice="Check the address of c.HubExt.registries[{alias!r}].",
                address=address,
                status=answer.status,
                alias=self.registry.alias,
            )

    async def tags(self, path: str) -> tuple[str, ...]:
        """All tags of a repository, sorted. Raises ManifestUnknown where it is unknown."""
        url = self._url(f"/v2/{checked_path(path)}/tags/list")
        return await self._listed(url, _scope(path), "tags", self._name(path))

    async def repositories(self) -> tuple[str, ...]:
        """The paths of all repositories, sorted. Raises RegistryDenied where it does not tell them."""
        url = self._url("/v2/_catalog")
        return await self._listed(url, "registry:catalog:*", "repositories", self.registry.address)

    async def _listed(self, url: URL, scope: str, key: str, owner: str) -> tuple[str, ...]:
        """All names under `key`, from every page; `owner` is what they belong to."""
        what = _lists(key, owner)
        page: URL | None = url.with_query(n=self._page)
        found: set[str] = set()
        try:
            async with asyncio.timeout(self._timeouts.listing):
                for _ in range(MOST_PAGES):
                    if page is None:
                        return tuple(sorted(found))
                    answer = await self._get(page, scope, owner)
                    listed = json_object(answer.body, Phrase("The list of {what}", what=what)).get(key) or []
                    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
                        raise RegistryError("The list of {what} holds no {key}.", what=what, key=key)
                    found |= set(listed)
                    page = self._next_page(page, answer, what)
        except TimeoutError as error:
            raise RegistryUnreachable(
                "{address} did not list {what} in time.",
                advice="Look at the registry's load; try again later.",
                address=self.registry.address,
                what=what,
            ) from error
        raise RegistryError(
            "There are more than {most} pages of {what}.",
            advice="Remove what is old.",
            most=MOST_PAGES,
            what=what,
        )

    async def manifest(self, path: str, reference: str, platform: Platform | None = None) -> Manifest:
        """The manifest of an image by tag or digest; from an index, that for the platform (this machine's).

        Its digest is computed from its bytes, and compared with what was asked for and what was promised.
        """
        platform = platform or machine_platform()
        body, kind = await self._manifest_bytes(path, reference)
        what = f"{self._name(path)}{_joined(reference)}"
        value = json_object(body, what)
        kind = media_type(kind, value, what)
        if kind in MANIFESTS:
            return parse_manifest(body, value, kind, what)
        inner, inner_kind = await self._manifest_bytes(path, choose(value, platform, what))
        inner_value = json_object(inner, what)
        inner_kind = media_type(inner_kind, inner_value, what)
        if inner_kind not in MANIFESTS:
            raise RegistryError("{what} is an index of indexes.", advice="Push the image itself.", what=what)
        found = parse_manifest(inner, inner_value, inner_kind, what)
        return Manifest(
            found.digest,
            found.media_type,
            found.config_digest,
            found.config_size,
            found.layers,
            digest_of(body),
        )

    async def resolve(self, path: str, tag: str, platform: Platform | None = None) -> str:
        """The digest of the image that a tag names now, for the platform (this machine's)."""
        return (await self.manifest(path, tag, platform)).digest

    async def tag_digest(self, path: str, tag: str) -> str:
        """The digest that a tag names, or of its index, as a header says; "" where none does. Unchecked."""
        url = self._url(f"/v2/{checked_path(path)}/manifests/{checked_tag(tag)}")
        answer = await self._send("HEAD", url, _scope(path), accept=", ".join(INDEXES + MANIFESTS))
        self._expect(answer, f"{self._name(path)}:{tag}")
        return answer.headers.get("Docker-Content-Digest", "")

    async def config(self, path: str, manifest: Manifest) -> ImageConfig:
        """The configuration of a manifest's image, its bytes checked against their digest."""
        what = Phrase("The configuration of {image}", image=f"{self._name(path)}@{manifest.digest}")
        url = self._url(f"/v2/{checked_path(path)}/blobs/{manifest.config_digest}")
        answer = await self._get(url, _scope(path), what)
        if digest_of(answer.body) != manifest.config_digest:
            raise RegistryError("{what} does not have its digest.", advice=_TAMPERED, what=what)
        return parse_config(answer.body, what)

    async def layer(self, path: str, manifest: Manifest, layer: Layer) -> bytes:
        """The compressed bytes of a small layer (4 MiB at most), checked against their digest."""
        what = Phrase("A layer of {image}", image=f"{self._name(path)}@{manifest.digest}")
        url = self._url(f"/v2/{checked_path(path)}/blobs/{layer.digest}")
        answer = await self._get(url, _scope(path), what)
        if digest_of(answer.body) != layer.digest:
            raise RegistryError("{what} does not have its digest.", advice=_TAMPERED, what=what)
        return answer.body

    async def tag(self, path: str, digest: str, tag: str) -> None:
        """Let a tag name the manifest of that digest, whatever it named before."""
        body, kind = await self._manifest_bytes(path, digest)
        url = self._url(f"/v2/{checked_path(path)}/manifests/{checked_tag(tag)}")
        answer = await self._send("PUT", url, _scope(path, "pull,push"), kind=kind, body=body)
        self._expect(answer, f"{self._name(path)}:{tag}")

    async def delete(self, path: str, digest: str) -> None:
        """Remove a manifest from the registry; its bytes go at the registry's next garbage collection."""
        if not DIGEST.fullmatch(digest):
            raise InputError(
                "{digest!r} is not a digest.", advice="Only digests are deleted, never tags.", digest=digest
            )
        url = self._url(f"/v2/{checked_path(path)}/manifests/{digest}")
        answer = await self._send("DELETE", url, _scope(path, "pull,delete"))
        if answer.status == 405:
            raise RegistryDenied(
                "{address} does not delete.",
                advice="Turn on storage.delete.enabled in its configuration.",
                address=self.registry.address,
            )
        self._expect(answer, f"{self._name(path)}@{digest}")

    # --- how it is asked ---

    def _name(self, path: str) -> str:
        return f"{self.registry.address}/{path}"

    def _url(self, path: str) -> URL:
        return self._transport.base.with_path(path)

    async def _manifest_bytes(self, path: str, reference: str) -> tuple[bytes, str]:
        if not (DIGEST.fullmatch(reference) or TAG.fullmatch(reference)):
            raise InputError(
                "{reference!r} is neither a tag nor a digest.",
                advice="Check its spelling.",
                reference=reference,
            )
        what = f"{self._name(path)}{_joined(reference)}"
        url = self._url(f"/v2/{checked_path(path)}/manifests/{reference}")
        answer = await self._get(url, _scope(path), what, accept=", ".join(INDEXES + MANIFESTS))
        digest = digest_of(answer.body)
        promised = answer.headers.get("Docker-Content-Digest", digest)
        if digest != promised or (DIGEST.fullmatch(reference) and digest != reference):
            raise RegistryError(
                "The manifest of {what} does not have its digest.", advice=_TAMPERED, what=what
            )
        return answer.body, answer.headers.get("Content-Type", "")

    async def _get(self, url: URL, scope: str, what: str | Phrase, *, accept: str = "*/*") -> Answer:
        answer = await self._send("GET", url, scope, accept=accept)
        self._expect(answer, what)
        return answer

    def _expect(self, answer: Answer, what: str | Phrase) -> None:
        """Nothing for a good answer. Raises what its status means."""
        setting = f"c.HubExt.registries[{self.registry.alias!r}]"
        match answer.status:
            case 200 | 201 | 202:
                return
            case 401 if self._credentials is None:
                raise RegistryDenied(
                    "The registry {address} asks for a password, and we have none.",
                    advice="Set `auth_file` of {setting}.",
                    address=self.registry.address,
                    setting=setting,
                )
            case 401:
                raise RegistryDenied(
                    "The registry refused our credentials for {what}.",
                    advice="Check `auth_file` of {setting}.",
                    what=what,
                    setting=setting,
                )
            case 403:
                raise RegistryDenied(
                    "The registry does not let us read {what}.",
                    advice="Give the user in `auth_file` of {setting} the right to pull it.",
                    what=what,
                    setting=setting,
                )
            case 404:
                raise ManifestUnknown(
                    "There is no {what} in the registry.",
                    advice="Check the path and the tag; push the image if it is not there yet.",
                    what=what,
                )
            case 429:
                raise RegistryUnreachable(
                    "The registry {address} is asked too often.",
                    advice="Try again later.",
                    address=self.registry.address,
                )
            case status:
                raise RegistryError(
                    "The registry {address} answered {status} for {what}.",
                    advice="Look at its log, and try again when it is well.",
                    address=self.registry.address,
                    status=status,
                    what=what,
                )

    async def _send(
        self,
        method: str,
        url: URL,
        scope: str,
        *,
        accept: str = "*/*",
        kind: str = "",
        body: bytes | None = None,
    ) -> Answer:
        """The answer, asked again with credentials where it is a challenge that we can meet."""
        headers = {"Accept": accept} | ({"Content-Type": kind} if body is not None else {})
        if authorization := self._authorization(scope):
            headers["Authorization"] = authorization
        answer = await self._transport.send(method, url, headers, body=body)
        if answer.status != 401:
            return answer
        challenge = parse_challenge(answer.challenges)
        if challenge is None or (challenge.scheme == "basic" and self._credentials is None):
            return answer
        if authorization and challenge.scheme == "basic":
            return answer  # they were just refused
        self._challenge = challenge
        if challenge.scheme == "bearer":
            self._tokens[scope] = await self._fetch_token(challenge, scope)
        headers["Authorization"] = self._authorization(scope)
        return await self._transport.send(method, url, headers, body=body)

    def _authorization(self, scope: str) -> str:
        if self._challenge is None:
            return ""
        if self._challenge.scheme == "basic":
            return self._credentials.basic() if self._credentials else ""
        token, until = self._tokens.get(scope, ("", 0.0))
        return f"Bearer {token}" if time.monotonic() < until else ""

    async def _fetch_token(self, challenge: Challenge, scope: str) -> tuple[str, float]:
        url = token_url(self.registry, challenge, scope)
        headers = {"Authorization": self._credentials.basic()} if self._credentials else {}
        asked = time.monotonic()
        answer = await self._transport.send("GET", url, headers, most=TOKEN_BYTES)
        self._expect(answer, Phrase("a token of {host}", host=url.host))
        value = json_object(answer.body, Phrase("The token of {host}", host=url.host))
        token = value.get("token") or value.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise RegistryError(
                "{host} gives no token.", advice="Look at the token server's log.", host=url.host
            )
        seconds = value.get("expires_in")
        seconds = seconds if isinstance(seconds, int) and seconds > 0 else TOKEN_SECONDS
        return token, asked + seconds * 0.9

    def _next_page(self, url: URL, answer: Answer, what: str | Phrase) -> URL | None:
        link = _NEXT.search(answer.headers.get("Link", ""))
        if link is None:
            return None
        try:
            target = answer.url.join(URL(link[1]))
        except ValueError:
            target = answer.url
        if target.origin() != answer.url.origin() or target.path != url.path or target == url:
            raise RegistryError(
                "The next page of {what} lies elsewhere.",
                advice="Ask whoever runs the registry.",
                what=what,
            )
        return target


def _lists(key: str, owner: str) -> Phrase:
    if key == "tags":
        return Phrase("the tags of {owner}", owner=owner)
    return Phrase("the repositories of {owner}", owner=owner)


_TAMPERED = "Its bytes were changed on the way or in the registry's storage: do not use it, look into it."


def checked_path(path: str) -> str:
    """The path, where a repository can have it. Raises InputError."""
    if len(path) > MOST_PATH or not PATH.fullmatch(path):
        raise InputError(
            "{path!r} cannot be the path of an image.",
            advice='Use lower-case words with / between, such as "hub-ext/python".',
            path=path[:80],
        )
    return path


def checked_tag(tag: str) -> str:
    """The tag, where an image can have it. Raises InputError."""
    if not TAG.fullmatch(tag):
        raise InputError("{tag!r} cannot be a tag.", advice='Use one such as "2026.11".', tag=tag[:140])
    return tag


def _joined(reference: str) -> str:
    return f"@{reference}" if DIGEST.fullmatch(reference) else f":{reference}"


def _scope(path: str, actions: str = "pull") -> str:
    return f"repository:{path}:{actions}"
