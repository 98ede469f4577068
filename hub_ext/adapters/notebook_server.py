"""A server as seen over HTTP from the host: does it answer yet, and what do a Jupyter server's kernels do?

The container belongs to its user, and so does every answer: each is bounded in size and time and parsed
into values, and leads to no other address.
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import quote

import aiohttp
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter
from yarl import URL

from hub_ext.model.server_activity import KernelActivity, NoActivity, ServerActivity

MOST_BYTES = 256 * 1024
MOST_KERNELS = 256
MOST_TERMINALS = 10_000
SERVER_SECONDS = 5.0
# The question itself is no use of the server.
UNTRACKED = "no_track_activity=1"


async def answers(upstream: str, path: str, *, authorization: str = "", seconds: float = 1.0) -> bool:
    """Whether the server at ADDRESS:PORT answers 200 to a GET of this path within `seconds`.

    `authorization` is the header of that name, "" for none. One connection per question, without a client
    library: it is asked twenty times a second.
    """
    return await status(upstream, path, authorization=authorization, seconds=seconds) == 200


async def status(upstream: str, path: str, *, authorization: str = "", seconds: float = 1.0) -> int | None:
    """The status with which the server answers that GET; 0 where what it says is no HTTP, or comes too late.

    None where nobody listens.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _status(upstream, path, authorization)
    except (TimeoutError, ValueError):
        return 0
    except OSError:
        return None


async def _status(upstream: str, path: str, authorization: str) -> int:
    if any(letter.isspace() or not letter.isascii() for letter in path):
        raise ValueError(f"{path!r} is no path of a URL")
    address, _, port = upstream.rpartition(":")
    reader, writer = await asyncio.open_connection(address, int(port))
    try:
        lines = [f"GET {path} HTTP/1.1", f"Host: {upstream}", "Connection: close"]
        if authorization:
            lines.append(f"Authorization: {authorization}")
        writer.write("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        await writer.drain()
        line = await reader.readline()
        return int(line.split(maxsplit=2)[1]) if line.startswith(b"HTTP/1.") else 0
    except IndexError:
        return 0
    finally:
        writer.close()


def base_path(username: str, server_name: str) -> str:
    """The server's base URL: "/user/NAME/" or "/user/NAME/SERVER/", escaped as JupyterHub escapes it."""
    # jupyterhub.utils.url_escape_path
    names = [quote(name, safe="@~") for name in (username, server_name) if name]
    return f"/user/{'/'.join(names)}/"


def session(connections: int) -> aiohttp.ClientSession:
    """A client for `activity`, to be entered with `async with`: so many connections at most, none kept."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),  # `activity` has its own
        headers={"Accept-Encoding": "identity"},
        auto_decompress=False,
        trust_env=False,
    )


async def activity(
    client: aiohttp.ClientSession, upstream: str, path: str, token: str, *, seconds: float = SERVER_SECONDS
) -> ServerActivity | NoActivity:
    """What the Jupyter server at `upstream` (ADDRESS:PORT) says of its kernels and terminals.

    `path` is its base URL, `token` the secret that it expects. UNKNOWN where it does not answer both
    questions as Jupyter does within `seconds`.
    """
    if not _is_address(upstream):
        return NoActivity.UNKNOWN
    url, headers = f"http://{upstream}{path}api", {"Authorization": f"token {token}"}
    try:
        async with asyncio.timeout(seconds):
            kernels = await _get(client, f"{url}/kernels?{UNTRACKED}", headers)
            terminals = await _get(client, f"{url}/terminals?{UNTRACKED}", headers)
        return _activity(kernels, terminals)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return NoActivity.UNKNOWN


async def _get(client: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> bytes | None:
    """The body of the answer; None where there is no such path. Raises ValueError for any other answer."""
    async with client.get(URL(url, encoded=True), headers=headers, allow_redirects=False) as response:
        if response.status == 404:
            return None
        if response.status != 200:
            raise ValueError(f"status {response.status}")
        body = bytearray()
        async for part in response.content.iter_any():
            body += part
            if len(body) > MOST_BYTES:
                raise ValueError("an answer beyond all bounds")
        return bytes(body)


def _activity(kernels: bytes | None, terminals: bytes | None) -> ServerActivity:
    """Raises ValueError where one of them is not what Jupyter answers."""
    if kernels is None:
        raise ValueError("no Jupyter server")
    return ServerActivity(
        tuple(
            KernelActivity(kernel.execution_state, kernel.last_activity)
            for kernel in _KERNELS.validate_json(kernels)
        ),
        # A server without the extension for terminals has no such path.
        tuple(terminal.last_activity for terminal in _TERMINALS.validate_json(terminals))
        if terminals is not None
        else (),
    )


def _is_address(upstream: str) -> bool:
    """Whether it is a literal address with a port: a name would be looked up."""
    match = re.fullmatch(r"([0-9.]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}", upstream)
    try:
        return match is not None and bool(ip_address(match[1].strip("[]")))
    except ValueError:
        return False


def _utc(when: datetime) -> datetime:
    try:
        return when.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a time beyond all times") from error


class _Answer(BaseModel):
    """Fields beside these are Jupyter's own affair."""

    model_config = ConfigDict(strict=True, extra="ignore")

    last_activity: Annotated[AwareDatetime, AfterValidator(_utc)]


class _Kernel(_Answer):
    execution_state: str = Field(max_length=32)


_KERNELS: TypeAdapter[Any] = TypeAdapter(Annotated[list[_Kernel], Field(max_length=MOST_KERNELS)])
_TERMINALS: TypeAdapter[Any] = TypeAdapter(Annotated[list[_Answer], Field(max_length=MOST_TERMINALS)])
