"""Reading the folders of datasets: where they may lie, what they may hold, and their manifests.

A manifest is a text file, one canonical JSON object a line, in the byte order of the paths:

    {"manifest":1}
    {"path":"ct/1.dcm","sha256":"…","size":526338}
    {"link":"1.dcm","path":"ct/first.dcm"}

Its SHA-256 is the version's `manifest_digest`, so these bytes never change for version 1: another form is
another number on the first line. A path that is not UTF-8 is written with lone surrogates (PEP 383).
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub_ext.errors import InputError
from hub_ext.phrase import Phrase

MANIFEST_VERSION = 1
CHUNK_BYTES = 4 * 1024**2
SHOWN = 5  # paths named in one sentence

SPECIAL = {
    stat.S_IFIFO: Phrase("FIFO"),
    stat.S_IFSOCK: Phrase("socket"),
    stat.S_IFCHR: Phrase("device"),
    stat.S_IFBLK: Phrase("device"),
}

Progress = Callable[[int, int], None]
"""Called with the bytes read and the bytes to read in all."""


def quiet(done: int, total: int) -> None:
    """The progress that tells nobody."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was read of a folder: the digest and size of its manifest's contents, and the mounts in it."""

    digest: str
    files: int
    total_bytes: int
    mounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Differences:
    """Paths of a folder that are not as its manifest says; all empty when it is whole."""

    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.added or self.changed)


@dataclass(frozen=True, slots=True)
class _Found:
    path: str  # relative to the folder
    size: int
    link: str | None = None


# --- where a folder may lie ---


def inside(path: Path, folder: Path) -> bool:
    """Whether a resolved path is the folder or lies in it."""
    return path == folder or folder in path.parents


def resolve(folder: Path, roots: Sequence[Path]) -> Path:
    """The folder without symlinks or "..", strictly below one of the roots. Raises InputError."""
    if not roots:
        raise InputError(
            "No folder for datasets is configured.", advice="Set c.HubExt.dataset_roots in the settings file."
        )
    try:
        found = folder.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(
            "There is no folder {folder!r}, or it cannot be reached.",
            advice="Mount it or copy the files below one of: {roots}.",
            folder=str(folder),
            roots=tuple(map(str, roots)),
        ) from error
    if not found.is_dir():
        raise InputError(
            "{folder!r} is a file.", advice="Put it into a folder of its own.", folder=str(folder)
        )
    resolved = [root.resolve() for root in roots]
    if found in resolved:
        raise InputError(
            "{found!r} is the root of all datasets.",
            advice="Give each version a folder of its own below.",
            found=str(found),
        )
    if not any(inside(found, root) for root in resolved):
        raise InputError(
            "{found!r} does not lie below a configured root.",
            advice="Move it below one of: {roots}; or add to c.HubExt.dataset_roots.",
            found=str(found),
            roots=tuple(map(str, roots)),
        )
    return found


def present(folder: Path, roots: Sequence[Path]) -> bool | None:
    """Whether a registered folder is still where it was, not replaced by a link; None where unknown."""
    try:
        return folder.resolve(strict=True) == folder and resolve(folder, roots) == folder
    except (FileNotFoundError, NotADirectoryError, InputError):
        return False
    except (OSError, RuntimeError):
        return None


def seen_as(folder: Path, process: int, path: str) -> bool:
    """Whether that path of another process's file system is this very folder, which is no link.

    Raises OSError where one of them cannot be looked at.
    """
    here = os.stat(folder, follow_symlinks=False)
    there = os.stat(f"/proc/{process}/root{path}", follow_symlinks=False)
    return stat.S_ISDIR(here.st_mode) and os.path.samestat(here, there)


def free_bytes(path: Path) -> int | None:
    """Room left for unprivileged writers on the file system of the path; None where it cannot be asked."""
    try:
        state = os.statvfs(path)
    except OSError:
        return None
    return state.f_bavail * state.f_frsize


# --- what a folder may hold ---


def _survey(folder: Path) -> list[_Found]:
    """Every file and symlink in byte order of the paths. Raises InputError on what may not be there."""
    found: list[_Found] = []
    special: list[str | Phrase] = []
    leaving: list[str] = []
    for path, entry in _walk(folder):
        mode = entry.st_mode
        if stat.S_ISLNK(mode):
            target = os.readlink(folder / path)
            # An absolute link means another place in the container than here.
            if os.path.isabs(target) or not inside(Path(os.path.realpath(folder / path)), folder):
                leaving.append(path)
            found.append(_Found(path, 0, target))
        elif stat.S_ISREG(mode):
            found.append(_Found(path, entry.st_size))
        else:
            kind = SPECIAL.get(stat.S_IFMT(mode), Phrase("not a file"))
            special.append(Phrase("{path} ({kind})", path=path, kind=kind))
    if special:
        raise InputError(
            "The folder holds special files: {special}.",
            advice="A read-only mount does not stop writes into them. Remove them.",
            special=_some(special),
        )
    if leaving:
        raise InputError(
            "The folder holds symlinks that leave it or are absolute: {leaving}.",
            advice="Replace each by the file, or by a relative link within the folder.",
            leaving=_some(leaving),
        )
    if not found:
        raise InputError("The folder holds no file.", advice="Mount it or copy the files first.")
    return sorted(found, key=lambda each: os.fsencode(each.path))


def _walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Relative path and lstat of everything in the folder that is not a folder."""
    waiting = [""]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(folder / here) as entries:
                for entry in entries:
                    path = os.path.join(here, entry.name)
                    state = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(state.st_mode):
                        waiting.append(path)
                    else:
                        yield path, state
        except OSError as error:
            raise _unreadable(str(folder / here), error) from error


def mounts(folder: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> tuple[str, ...]:
    """Paths within the folder on which something else is mounted."""
    try:
        lines = mountinfo.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ()
    points = {_unescaped(line.split(" ")[4]) for line in lines if line}
    return tuple(sorted(str(point.relative_to(folder)) for point in points if folder in point.parents))


def _unescaped(text: str) -> Path:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return Path(text)


# --- manifests ---


def write_manifest(folder: Path, store: Path, *, progress: Progress = quiet) -> Manifest:
    """Read a resolved folder whole and keep its manifest in `store`, named by its digest.

    Raises InputError where the folder holds what it may not, cannot be read, or changes meanwhile.
    """
    found = _survey(folder)
    total = sum(each.size for each in found)
    store.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = hashlib.sha256()
    # mode 600: file names may say who a patient is
    with tempfile.NamedTemporaryFile(dir=store, prefix=".new-", delete=False) as draft:
        try:
            for line in _lines(folder, found, total, progress):
                draft.write(line)
                digest.update(line)
            draft.flush()
            os.fsync(draft.fileno())
            os.replace(draft.name, manifest_path(store, f"sha256:{digest.hexdigest()}"))
        except BaseException:
            os.unlink(draft.name)
            raise
    return Manifest(f"sha256:{digest.hexdigest()}", len(found), total, mounts(folder))


def manifest_path(store: Path, digest: str) -> Path:
    """Where the manifest with that digest is kept."""
    return store / digest.replace(":", "-")


def compare(folder: Path, store: Path, digest: str, *, progress: Progress = quiet) -> Differences:
    """Read the folder again and say what is not as the kept manifest of that digest says.

    Raises InputError where the kept manifest is gone or was edited, or the folder cannot be read.
    """
    try:
        kept = manifest_path(store, digest).read_bytes()
    except OSError as error:
        raise InputError(
            "The manifest {digest} cannot be read.",
            advice="Restore it from a backup of the state folder.",
            digest=digest,
        ) from error
    if f"sha256:{hashlib.sha256(kept).hexdigest()}" != digest:
        raise InputError(
            "The kept manifest {digest} was edited.",
            advice="Restore it from a backup of the state folder.",
            digest=digest,
        )
    found = _survey(folder)
    then = _by_path(kept.splitlines(keepends=True))
    now = _by_path(_lines(folder, found, sum(each.size for each in found), progress))
    return Differences(
        missing=tuple(sorted(then.keys() - now.keys())),
        added=tuple(sorted(now.keys() - then.keys())),
        changed=tuple(sorted(path for path in then.keys() & now.keys() if then[path] != now[path])),
    )


def _by_path(lines: Sequence[bytes] | Iterator[bytes]) -> dict[str, bytes]:
    parsed = ((json.loads(line), line) for line in lines)
    return {value["path"]: line for value, line in parsed if "path" in value}


def _lines(folder: Path, found: Sequence[_Found], total: int, progress: Progress) -> Iterator[bytes]:
    yield _line({"manifest": MANIFEST_VERSION})
    done = 0
    progress(done, total)
    for each in found:
        if each.link is not None:
            yield _line({"path": each.path, "link": each.link})
            continue
        digest = hashlib.sha256()
        for chunk in _chunks(folder / each.path, each.size):
            digest.update(chunk)
            done += len(chunk)
            progress(done, total)
        yield _line({"path": each.path, "sha256": digest.hexdigest(), "size": each.size})


def _line(value: dict[str, str | int]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def _chunks(path: Path, size: int) -> Iterator[bytes]:
    """The bytes of a regular file of that size. Raises InputError when it is no longer that."""
    try:
        # NOFOLLOW and NONBLOCK: what was a file a moment ago may be a link or a FIFO now.
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(opened, "rb", buffering=0) as file:
            before = os.fstat(opened)
            left = size
            # Never past the size surveyed: a file that grows would be read without end.
            while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk
            after = os.fstat(opened)
    except OSError as error:
        raise _unreadable(str(path), error) from error
    steady = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    if not (stat.S_ISREG(before.st_mode) and steady and after.st_size == size):
        raise InputError(
            "{path!r} changed while it was read.", advice="Wait until copying has ended.", path=str(path)
        )


def _unreadable(path: str, error: OSError) -> InputError:
    return InputError(
        "{path!r} cannot be read: {why}.",
        advice="Run this as a user who may read every file of the dataset.",
        path=path,
        why=error.strerror or str(error),
    )


def _some(paths: Sequence[str | Phrase]) -> tuple[str | Phrase, ...] | Phrase:
    shown, more = tuple(sorted(paths, key=str)[:SHOWN]), len(paths) - SHOWN
    if more > 0:
        return Phrase("{paths} and {more} more", paths=shown, more=more)
    return shown
