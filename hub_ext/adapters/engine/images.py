"""Images: asked for by digest, pulled once for however many wait for it."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import requests

from hub_ext.adapters.engine.connection import Connection, EngineAnswered, Lane
from hub_ext.adapters.engine.known import Thing
from hub_ext.errors import EngineError, ImageUnavailable
from hub_ext.phrase import Phrase
from hub_ext.settings import RegistrySettings, Settings

_PULL_SILENCE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull is. `total_bytes` grows while the engine learns of layers."""

    done_bytes: int
    total_bytes: int
    layers_done: int
    layers: int


OnProgress = Callable[[PullProgress], None]


@dataclass(slots=True)
class _Pull:
    """A pull under way and all who want to hear of it."""

    task: asyncio.Task[None] | None = None
    listeners: list[OnProgress] = field(default_factory=list)

    def tell(self, progress: PullProgress) -> None:
        for listener in tuple(self.listeners):
            listener(progress)


class Images(Connection):
    """References are HOST:PORT/path and a digest; a tag never reaches the engine."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._pulls: dict[str, _Pull] = {}

    async def has_image(self, repository: str, digest: str) -> bool:
        """Whether the engine holds exactly this digest under this repository."""
        name = f"{repository}@{digest}"
        if self.known.has(Thing.IMAGE, name):
            return True
        asked = self.known.ask(Thing.IMAGE)
        try:
            answer = await self._call("look for an image", "GET", f"/images/{name}/json")
        except EngineAnswered as error:
            if error.absent:
                return False
            raise
        there = bool(answer.json())
        if there:
            self.known.remember(asked, Thing.IMAGE, name)
        return there

    async def image_digests(self) -> frozenset[str]:
        """Every image that it holds under a digest, as HOST:PORT/path@digest."""
        answer = await self._call("list images", "GET", "/images/json", parameters={"digests": 1})
        return frozenset(str(one) for row in answer.json() for one in row.get("RepoDigests") or ())

    async def pull(
        self,
        repository: str,
        digest: str,
        *,
        registry: RegistrySettings | None = None,
        progress: OnProgress | None = None,
    ) -> None:
        """Brings an image to the engine; at once where it is there already, whatever the registry does.

        Simultaneous pulls of one digest are one pull, which goes on when a waiter gives up. `registry` is
        found by its address where not given. `progress` is called on the event loop. Raises
        ImageUnavailable with a sentence for each cause, within pull_seconds.
        """
        if await self.has_image(repository, digest):
            return
        key = f"{repository}@{digest}"
        pull = self._pulls.get(key)
        if pull is None:
            pull = self._pulls[key] = _Pull()
            pull.task = asyncio.create_task(
                self._pull(repository, digest, registry or self._registry_of(repository), pull)
            )
            pull.task.add_done_callback(lambda task: self._pulled(key, task))
        if progress:
            pull.listeners.append(progress)
        try:
            assert pull.task is not None
            await asyncio.shield(pull.task)
        finally:
            if progress:
                pull.listeners.remove(progress)

    def _pulled(self, key: str, task: asyncio.Task[None]) -> None:
        self._pulls.pop(key, None)
        if not task.cancelled():
            task.exception()  # seen by every waiter; by nobody where all gave up

    def _registry_of(self, repository: str) -> RegistrySettings | None:
        address = repository.partition("/")[0]
        return next((known for known in self._settings.registries if known.address == address), None)

    async def _pull(
        self, repository: str, digest: str, registry: RegistrySettings | None, pull: _Pull
    ) -> None:
        loop = asyncio.get_running_loop()

        def tell(progress: PullProgress) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(pull.tell, progress)

        headers = await asyncio.to_thread(_credentials, registry)
        try:
            await self._in_lane(Lane.SLOW, lambda: self._pull_now(repository, digest, headers, tell))
        except EngineAnswered as error:
            raise unavailable(repository, digest, error.said) from error
        # A stream that was cut looks like one that ended.
        if not await self.has_image(repository, digest):
            raise unavailable(repository, digest, Phrase("the pull ended without the image"))

    def _pull_now(self, repository: str, digest: str, headers: dict[str, str], tell: OnProgress) -> None:
        end = time.monotonic() + self._settings.pull_seconds

        def work() -> None:
            try:
                stream()
            except requests.Timeout as error:  # the engine passes the registry's silence on
                raise unavailable(repository, digest, "the pull takes too long") from error

        def stream() -> None:
            # docker-py's pull() takes what follows "@" for a tag; the engine wants the digest as `tag`.
            with self._request(
                "pull an image",
                "POST",
                "/images/create",
                seconds=min(_PULL_SILENCE_SECONDS, self._settings.pull_seconds),
                parameters={"fromImage": repository, "tag": digest},
                headers=headers,
                stream=True,
            ) as response:
                layers: dict[str, tuple[int, int, bool]] = {}
                for line in _lines(response):
                    if time.monotonic() > end:
                        raise unavailable(repository, digest, "the pull takes too long")
                    if "error" in line:
                        raise unavailable(repository, digest, str(line["error"]))
                    if _heard(layers, line):
                        tell(_progress(layers))

        self._translated("pull an image", work)


def _lines(response: requests.Response) -> Iterator[dict[str, Any]]:
    for raw in response.iter_lines():
        if raw:
            try:
                yield json.loads(raw)
            except ValueError as error:
                raise EngineError("The engine's words on a pull are not JSON.") from error


def _heard(layers: dict[str, tuple[int, int, bool]], line: dict[str, Any]) -> bool:
    """Notes what one line says of one layer; whether it said something."""
    layer, status = line.get("id"), line.get("status", "")
    detail = line.get("progressDetail") or {}
    if not layer or ":" in layer:
        return False
    done, total, complete = layers.get(layer, (0, 0, False))
    if status == "Downloading":
        done, total = int(detail.get("current", 0)), int(detail.get("total", 0) or total)
    elif status in ("Download complete", "Verifying Checksum", "Extracting"):
        done = total
    elif status in ("Pull complete", "Already exists"):
        done, complete = total, True
    layers[layer] = (done, total, complete)
    return True


def _progress(layers: dict[str, tuple[int, int, bool]]) -> PullProgress:
    return PullProgress(
        done_bytes=sum(done for done, _, _ in layers.values()),
        total_bytes=sum(total for _, total, _ in layers.values()),
        layers_done=sum(complete for _, _, complete in layers.values()),
        layers=len(layers),
    )


def _credentials(registry: RegistrySettings | None) -> dict[str, str]:
    """The header that carries the registry's name and password; nothing of it is ever logged."""
    if registry is None or registry.auth_file is None:
        return {}
    try:
        known = json.loads(registry.auth_file.read_text())
        auth = {
            "username": known["username"],
            "password": known["password"],
            "serveraddress": registry.address,
        }
    except (OSError, ValueError, KeyError, TypeError):
        # No "from": the text of a JSON error may quote the file.
        raise ImageUnavailable(
            "The credentials of the registry {alias} cannot be read.",
            advice="Mend c.HubExt.registries[{alias!r}]['auth_file']: a JSON object with username and "
            "password, readable by the Hub.",
            cause="registry-denied",
            alias=registry.alias,
        ) from None
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(auth).encode()).decode()}


# What dockerd and its registry client say, in the order in which they are asked for.
_CAUSES: tuple[tuple[str, tuple[str, ...], Phrase, Phrase], ...] = (
    (
        "registry-untrusted",
        ("x509:", "certificate", "server gave http response"),
        Phrase("The engine does not trust the certificate of the registry {host}."),
        Phrase("Put the authority's certificate in /etc/docker/certs.d/{host}/ca.crt."),
    ),
    (
        "registry-denied",
        ("unauthorized", "authentication required", "no basic auth", "denied", "forbidden"),
        Phrase("The registry refused our credentials for {repository}."),
        Phrase("Check the auth_file of this registry in c.HubExt.registries."),
    ),
    (
        "image-gone",
        ("manifest unknown", "not found", "name unknown"),
        Phrase("The registry {host} does not have {repository}@{digest} any more."),
        Phrase("A curator can publish another revision, or push this one again."),
    ),
    (
        "disk-full",
        ("no space left",),
        Phrase("The engine's disk is full: {repository} does not fit."),
        Phrase("Make room on the disk that holds Docker's data."),
    ),
    (
        "pull-too-slow",
        ("too long",),
        Phrase("The pull of {repository} was not finished in the time allowed."),
        Phrase("Raise c.HubExt.pull_seconds, or pull the image when it is published."),
    ),
    (
        "registry-silent",
        (
            "connection refused",
            "no such host",
            "no route to host",
            "network is unreachable",
            "timeout",
            "deadline exceeded",
            "connection reset",
            "eof",
            "server misbehaving",
            "received unexpected http status: 5",
        ),
        Phrase("The registry {host} does not answer."),
        Phrase("See that the registry runs and that the engine's host reaches it."),
    ),
)


def unavailable(repository: str, digest: str, said: str | Phrase) -> ImageUnavailable:
    """One sentence and one piece of advice for what the engine said of a failed pull."""
    known = {"host": repository.partition("/")[0], "repository": repository, "digest": digest}
    for cause, marks, fact, advice in _CAUSES:
        if any(mark in str(said).lower() for mark in marks):
            return ImageUnavailable(fact.template, advice=advice.template, cause=cause, **known)
    return ImageUnavailable(
        "The engine could not pull {repository}@{digest}: {said}",
        repository=repository,
        digest=digest,
        said=said,
    )
