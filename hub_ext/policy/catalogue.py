"""May this image become a revision; which changes of state and which pointers are allowed.

An entry's life: draft → published → deprecated → retired. `publish` leads to published from everywhere: a
retired entry comes back only when somebody publishes it again, by name. A deprecated entry still launches.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from hub_ext.model import Finding, FindingCode, ImageEntry, ImageRevision, ImageState

# What entries may be launched in.
LAUNCHABLE = (ImageState.PUBLISHED, ImageState.DEPRECATED)
# Ours are mounted over what an image has there; the kernel's are nobody's.
MOUNTED = ("/home/jovyan", "/project", "/data", "/tmp", "/run")  # noqa: S108 - paths of a container
OF_THE_KERNEL = ("/proc", "/sys", "/dev")
# By these labels we know our own containers; a container inherits its image's labels.
RESERVED_LABELS = ("io.hub-ext.instance", "io.hub-ext.launch", "io.hub-ext.probe", "io.hub-ext.seed")
MOST_LAYERS = 127  # overlay2 takes 128, and a container adds its own
MOST_BYTES = 40 * 1024**3  # compressed; CUDA images with two frameworks reach half of it
SHOWN = 5  # names in one finding

_SECRET = re.compile(r"(?:^|_)(?:PASSWORD|PASSWD|SECRET|TOKEN|APIKEY|API_KEY|PRIVATE_KEY|ACCESS_KEY)(?:_|$)")
_OURS = re.compile(r"(?:JUPYTERHUB_|HUB_EXT_|NVIDIA_VISIBLE_DEVICES$)")


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What a registry says of an image, as far as admission looks at it. `platform` is "os/architecture"."""

    platform: str
    total_bytes: int
    layers: int
    user: str
    env: Mapping[str, str]
    labels: Mapping[str, str]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    volumes: tuple[str, ...]
    healthcheck: bool


def looks_secret(name: str) -> bool:
    """Whether a variable of that name probably holds a password or a key."""
    return _SECRET.search(name.upper()) is not None


def volume_paths(image: ImageFacts) -> tuple[str, ...]:
    """The paths that the image declares as volumes, as the engine mounts them."""
    return tuple(sorted({_clean(path) for path in image.volumes}))


def _clean(path: str) -> str:
    clean = posixpath.normpath(path)
    return f"/{clean.lstrip('/')}" if path.startswith("/") else clean


def _takes_volume(path: str) -> bool:
    """Whether an empty folder may lie there. Below a home it would hide what people keep."""
    below_ours = any(path.startswith(f"{folder}/") for folder in (*MOUNTED, *OF_THE_KERNEL))
    return path.startswith("/") and path not in ("/", *OF_THE_KERNEL) and not below_ours


def review(
    image: ImageFacts,
    *,
    platform: str,
    emptied: Collection[str] = (),
    allowed: Collection[str] = (),
    most_bytes: int = MOST_BYTES,
) -> tuple[Finding, ...]:
    """Everything worth knowing before this image is published; what is blocking keeps it out.

    `platform` is the node's; `emptied` are the variables that launches set to nothing, but for those that
    the entry has `allowed`.
    """
    return (*_blocking(image, platform, most_bytes), *_remarks(image, emptied, allowed))


def _blocking(image: ImageFacts, platform: str, most_bytes: int) -> Iterable[Finding]:
    if image.platform != platform:
        yield _no(FindingCode.PLATFORM, image=image.platform, node=platform)
    if image.total_bytes > most_bytes:
        yield _no(FindingCode.TOO_LARGE, size=_gib(image.total_bytes), most=_gib(most_bytes))
    if image.layers > MOST_LAYERS:
        yield _no(FindingCode.TOO_MANY_LAYERS, layers=image.layers, most=MOST_LAYERS)
    if volumes := [path for path in volume_paths(image) if not _takes_volume(path)]:
        yield _no(FindingCode.VOLUMES, names=_names(volumes))
    if reserved := [label for label in RESERVED_LABELS if label in image.labels]:
        yield _no(FindingCode.RESERVED_LABELS, names=_names(reserved))


def _remarks(image: ImageFacts, emptied: Collection[str], allowed: Collection[str]) -> Iterable[Finding]:
    """What every launch overrides whatever the image says: worth a look, harmless."""
    if image.user.partition(":")[0] in ("", "0", "root"):
        yield _remark(FindingCode.USER_IGNORED, user=image.user or "root")
    if image.entrypoint:
        yield _remark(FindingCode.ENTRYPOINT_IGNORED, names=_names(image.entrypoint[:1]))
    if image.healthcheck:
        yield _remark(FindingCode.HEALTHCHECK_IGNORED)
    if volumes := [path for path in volume_paths(image) if _takes_volume(path) and path not in MOUNTED]:
        yield _remark(FindingCode.VOLUMES_EMPTY, names=_names(volumes))
    set_names = [name for name in image.env if name in emptied and image.env[name]]
    if names := [name for name in set_names if name not in allowed]:
        yield _remark(FindingCode.ENV_EMPTIED, names=_names(names))
    if names := [name for name in set_names if name in allowed]:
        yield _remark(FindingCode.ENV_ALLOWED, names=_names(names))
    if names := [name for name in image.env if _OURS.match(name)]:
        yield _remark(FindingCode.ENV_OVERRIDDEN, names=_names(names))
    if names := [name for name in image.env if looks_secret(name) and image.env[name]]:
        yield _remark(FindingCode.ENV_SECRET, names=_names(names))


# --- pointers and states ---


def choose_publication(
    entry: ImageEntry,
    known: Collection[ImageRevision],
    number: int | None,
    *,
    failed: Collection[int] = (),
    despite_failed_check: bool = False,
) -> ImageRevision | Finding:
    """The revision to publish: that of the number, else the newest; or why not.

    One whose last check failed (`failed`) is published only where that was said; one that was never checked,
    as one that passed.
    """
    by_number = {revision.number: revision for revision in known}
    if not by_number:
        return _no(FindingCode.REVISION_NONE, entry=entry.slug)
    wanted = max(by_number) if number is None else number
    if wanted not in by_number:
        return _no(FindingCode.REVISION_UNKNOWN, entry=entry.slug, revision=wanted)
    if entry.state is ImageState.PUBLISHED and entry.revision == wanted:
        return _no(FindingCode.REVISION_CURRENT, entry=entry.slug, revision=wanted)
    if wanted in failed and not despite_failed_check:
        return check_failed(entry.slug, wanted)
    return by_number[wanted]


def check_failed(slug: str, number: int) -> Finding:
    """In the way of publishing it, until somebody says "all the same"."""
    return _no(FindingCode.CHECK_FAILED, entry=slug, revision=number)


def choose_rollback(
    entry: ImageEntry, known: Collection[ImageRevision], number: int | None
) -> ImageRevision | Finding:
    """The revision to go back to: that of the number, else the last published one before; or why not.

    Only what was published once, and lies before the present one: anything else is a publication.
    """
    if refusal := _not_launching(entry):
        return refusal
    earlier = {
        revision.number: revision
        for revision in known
        if revision.number < entry.revision and revision.published is not None
    }
    if number is None:
        if not earlier:
            return _no(FindingCode.EARLIER_NONE, entry=entry.slug, revision=entry.revision)
        return earlier[max(earlier)]
    if number in earlier:
        return earlier[number]
    if number not in {revision.number for revision in known}:
        return _no(FindingCode.REVISION_UNKNOWN, entry=entry.slug, revision=number)
    if number >= entry.revision:
        return _no(
            FindingCode.REVISION_NOT_EARLIER, entry=entry.slug, revision=number, current=entry.revision
        )
    return _no(FindingCode.REVISION_NEVER_PUBLISHED, entry=entry.slug, revision=number)


def may_deprecate(
    entry: ImageEntry, entries: Mapping[str, ImageEntry], successor: str | None
) -> tuple[Finding, ...]:
    """Every reason not to deprecate the entry in favour of `successor` (None: of nothing)."""
    refusal = _not_launching(entry)
    found = [refusal] if refusal else []
    if successor == entry.slug:
        found.append(_no(FindingCode.SUCCESSOR_ITSELF, entry=entry.slug))
    elif successor is not None and successor not in entries:
        found.append(_no(FindingCode.SUCCESSOR_UNKNOWN, entry=entry.slug, successor=successor))
    elif successor is not None:
        if not may_launch(entries[successor].state):
            found.append(_no(FindingCode.SUCCESSOR_NOT_PUBLISHED, entry=entry.slug, successor=successor))
        if entry.slug in _line(successor, entries):
            found.append(_no(FindingCode.SUCCESSOR_CIRCLE, entry=entry.slug, successor=successor))
    return tuple(found)


def may_retire(entry: ImageEntry, *, security: bool = False) -> tuple[Finding, ...]:
    """Every reason not to retire the entry. A draft may be retired: it was a mistake.

    `security`: it is not yet known to be unsafe, and is to be; then it may be retired already.
    """
    if entry.state is ImageState.RETIRED and not security:
        return (_no(FindingCode.STATE_RETIRED, entry=entry.slug),)
    return ()


def may_launch(state: ImageState) -> bool:
    """Whether entries of that state may be launched."""
    return state in LAUNCHABLE


def _not_launching(entry: ImageEntry) -> Finding | None:
    if entry.state is ImageState.DRAFT:
        return _no(FindingCode.STATE_DRAFT, entry=entry.slug)
    if entry.state is ImageState.RETIRED:
        return _no(FindingCode.STATE_RETIRED, entry=entry.slug)
    return None


def _line(slug: str, entries: Mapping[str, ImageEntry]) -> tuple[str, ...]:
    """The entry and its successors, each once."""
    met: dict[str, None] = {}
    step: str | None = slug
    while step is not None and step not in met:
        met[step] = None
        step = entries[step].successor if step in entries else None
    return tuple(met)


def _no(code: FindingCode, **shown: str | int) -> Finding:
    return Finding(code, True, tuple(shown.items()))


def _remark(code: FindingCode, **shown: str | int) -> Finding:
    return Finding(code, False, tuple(shown.items()))


def _names(names: Iterable[str]) -> str:
    """Some names, as one printable line: they come from outside."""
    every = sorted(names)
    clean = [
        "".join(letter if letter.isprintable() else "?" for letter in name[:80]) for name in every[:SHOWN]
    ]
    return ", ".join(clean) + (f" +{len(every) - SHOWN}" if len(every) > SHOWN else "")


def _gib(size: int) -> str:
    return f"{size / 1024**3:.1f} GiB"
