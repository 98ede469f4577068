"""One HTTPS request to one registry: bounded in time and bytes, never beyond its host, failures in words."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

import aiohttp
from yarl import URL

from hub_ext.adapters.registry.auth import with_port
from hub_ext.errors import RegistryDenied, RegistryError, RegistryUnreachable, SettingsError
from hub_ext.phrase import Phrase
from hub_ext.settings import MIB, RegistrySettings

MOST_BYTES = 4 * MIB  # the limit that registries themselves set for a manifest
REDIRECTS = 3
_ADDRESS = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, between two pieces of an answer, for one request, for a list of many pages."""

    connect: float = 5.0
    read: float = 10.0
    request: float = 20.0
    listing: float = 120.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `url` is where it came from, after redirects."""

    status: int
    headers: Mapping[str, str]
    challenges: list[str]
    body: bytes
    url: URL


class Transport:
    """The connections to one registry and to its token hosts. Opened and closed by `async with`."""

    def __init__(self, registry: RegistrySettings, timeouts: Timeouts) -> None:
        if not _ADDRESS.fullmatch(registry.address):
            raise SettingsError(
                "The address of c.HubExt.registries[{alias!r}] is {address!r}.",
                advice="Write HOST:PORT, without a scheme, a path or a password.",
                alias=registry.alias,
                address=registry.address,
            )
        self.registry = registry
        self.base = URL(f"https://{registry.address}")
        self._timeouts = timeouts
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Transport:
        # No trust_env: neither a proxy nor ~/.netrc stands between us and a private registry.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=_trust(self.registry), limit=8),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"User-Agent": "hub-ext", "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(
                total=self._timeouts.request,
                sock_connect=self._timeouts.connect,
                sock_read=self._timeouts.read,
            ),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        *,
        body: bytes | None = None,
        most: int = MOST_BYTES,
    ) -> Answer:
        """The answer, whatever its status; redirects within the same host are followed.

        Raises RegistryUnreachable, and RegistryError for an answer that cannot be used.
        """
        for _ in range(REDIRECTS + 1):
            answer = await self._once(method, url, headers, body, most)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            url = self._next(url, answer)
        raise RegistryError(
            "The registry {address} redirects without end.",
            advice="Ask whoever runs the registry.",
            address=self.registry.address,
        )

    def _next(self, url: URL, answer: Answer) -> URL:
        try:
            target = url.join(URL(answer.headers.get("Location", "")))
        except ValueError:
            target = URL()
        if _origin(target) != _origin(url):
            raise RegistryDenied(
                "The registry {address} sends us to {target}; we do not follow.",
                advice="Ask whoever runs it to turn off redirects to storage on another host.",
                address=self.registry.address,
                target=_origin(target) or Phrase("an odd address"),
            )
        return target

    async def _once(
        self, method: str, url: URL, headers: Mapping[str, str], sent: bytes | None, most: int
    ) -> Answer:
        if self._session is None:
            raise RuntimeError("enter the RegistryClient with `async with`")
        try:
            async with self._session.request(
                method, url, headers=headers, data=sent, allow_redirects=False
            ) as response:
                body = await self._body(response, most)
                return Answer(
                    response.status,
                    response.headers.copy(),
                    response.headers.getall("WWW-Authenticate", []),
                    body,
                    response.url,
                )
        except aiohttp.ClientResponseError as error:
            # No cause: this one's repr shows the request's headers, the password among them.
            raise self._translated(error, url) from None
        except (TimeoutError, aiohttp.ClientError, ssl.SSLError, OSError) as error:
            raise self._translated(error, url) from error

    async def _body(self, response: aiohttp.ClientResponse, most: int) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(64 * 1024):
            body += chunk
            if len(body) > most:
                response.close()
                raise RegistryError(
                    "The registry {address} answered with more than {most} bytes.",
                    advice="That is no image of ours.",
                    address=self.registry.address,
                    most=most,
                )
        return bytes(body)

    def _translated(self, error: Exception, url: URL) -> RegistryError:
        name = f"c.HubExt.registries[{self.registry.alias!r}]"
        where = _origin(url).removeprefix("https://") if url else self.registry.address
        if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
            why = getattr(error, "certificate_error", error)
            said = getattr(why, "verify_message", "")
            return RegistryUnreachable(
                "The certificate of {where} is refused: {said}.",
                advice="Check `ca_file` and the address of {name}, and the certificate's names and dates.",
                where=where,
                said=said.rstrip(".") or Phrase("it is not trusted"),
                name=name,
            )
        if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
            return RegistryUnreachable(
                "{where} does not speak TLS with us.",
                advice="Check the address of {name} and its TLS.",
                where=where,
                name=name,
            )
        if isinstance(error, TimeoutError):
            return RegistryUnreachable(
                "{where} did not answer in time.",
                advice="Check that the registry runs, and {name}.",
                where=where,
                name=name,
            )
        if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError):
            return RegistryUnreachable(
                "{where} broke off its answer.",
                advice="Look at the registry's log, and try again.",
                where=where,
            )
        if isinstance(error, aiohttp.ClientConnectionError | OSError):
            return RegistryUnreachable(
                "{where} cannot be reached.",
                advice="Check that the registry runs, and {name}.",
                where=where,
                name=name,
            )
        return RegistryError(
            "{where} answers no HTTP that we understand.", advice="Check {name}.", where=where, name=name
        )


def _origin(url: URL) -> str:
    return f"{url.scheme}://{with_port(url.authority)}" if url.host else ""


def _trust(registry: RegistrySettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=registry.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            "{ca_file}, the `ca_file` of c.HubExt.registries[{alias!r}], cannot be used.",
            advice="It must hold the authority's certificate as PEM, readable by this user.",
            ca_file=str(registry.ca_file),
            alias=registry.alias,
        ) from error
