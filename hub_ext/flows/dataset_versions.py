"""Versions of datasets: a folder read whole and made current, checked, withdrawn."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from hub_ext.adapters import files
from hub_ext.adapters.files import Differences, Progress, quiet
from hub_ext.adapters.store import Tx, versions
from hub_ext.errors import EngineError, InputError, SettingsError
from hub_ext.flows import checks
from hub_ext.flows.data import dataset_named, living_dataset
from hub_ext.flows.site import Site, new_id
from hub_ext.model import Actor, DatasetVersion, Verb, VersionState
from hub_ext.phrase import Phrase

READER_UID = 65000  # an ordinary user: owner of nothing
READER_GID = 65000
PROBED = "/probe"


def _holds_our_state(site: Site, found: Path) -> bool:
    """Whether mounting this folder would show our own keys, store or homes of others.

    A root that an operator put into the state's folder holds data only.
    """
    state_dir = site.settings.state_dir.resolve()
    roots = [root.resolve() for root in site.settings.dataset_roots]
    kept_there = any(
        root != state_dir and files.inside(root, state_dir) and files.inside(found, root) for root in roots
    )
    return files.inside(state_dir, found) or (files.inside(found, state_dir) and not kept_there)


def manifests(site: Site) -> Path:
    """The folder of all manifests."""
    return site.settings.state_dir / "manifests"


def version_numbered(tx: Tx, dataset: str, number: int | None) -> DatasetVersion:
    """The version with that number; None is the current one. Raises InputError."""
    for version in versions.listing(tx, dataset=dataset):
        if number == version.number or (number is None and version.state is VersionState.CURRENT):
            return version
    raise InputError(
        "{dataset!r} has no version {number}." if number else "{dataset!r} has no current version.",
        advice="`hub-ext dataset show {dataset}` lists its versions.",
        dataset=dataset,
        number=number,
    )


async def register_version(
    site: Site,
    actor: Actor,
    slug: str,
    folder: Path,
    *,
    progress: Progress = quiet,
    probe: bool = True,
) -> DatasetVersion:
    """Read a folder whole and make it the current version; the one before is superseded.

    `probe` False skips the look from inside a container, and the record says so. Raises InputError where
    the folder may not be used, EngineError where the engine cannot look.
    """
    with site.store.reading() as tx:
        dataset = living_dataset(tx, slug)
    found = await asyncio.to_thread(files.resolve, folder, site.settings.dataset_roots)
    if _holds_our_state(site, found):
        raise InputError(
            "{found!r} and our own state folder lie in one another.",
            advice="Choose another folder.",
            found=str(found),
        )
    with site.store.reading() as tx:
        _folder_free(tx, slug, found)
    if probe:
        await check_readable(site, found, dataset.read_gids)
    manifest = await asyncio.to_thread(files.write_manifest, found, manifests(site), progress=progress)
    with site.store.transaction() as tx:
        living_dataset(tx, slug)
        _folder_free(tx, slug, found)
        before = versions.listing(tx, dataset=slug)
        for other in before:
            if other.state is VersionState.CURRENT:
                versions.replace(tx, replace(other, state=VersionState.SUPERSEDED))
        version = DatasetVersion(
            id=new_id("ver"),
            dataset=slug,
            number=max((other.number for other in before), default=0) + 1,
            folder=str(found),
            manifest_digest=manifest.digest,
            files=manifest.files,
            total_bytes=manifest.total_bytes,
            created=site.now(),
            node=site.settings.node,
        )
        versions.add(tx, version)
        told = ("dataset", "number", "folder", "manifest_digest", "files", "total_bytes", "node")
        facts = {name: getattr(version, name) for name in told}
        facts |= {"mounts_inside": manifest.mounts, "probed": probe}
        site.record(tx, actor, Verb.VERSION_REGISTERED, version.id, facts)
    return version


def _folder_free(tx: Tx, slug: str, folder: Path) -> None:
    """Nothing where no version that may be mounted shares files with the folder. Raises InputError."""
    for version in versions.listing(tx):
        theirs = Path(version.folder)
        if version.state is VersionState.WITHDRAWN:
            continue
        if version.dataset == slug and theirs == folder:
            raise InputError(
                "The folder is version {number} of {slug!r} already, and versions never change.",
                advice="Put the new files into a new folder; or withdraw that version first.",
                number=version.number,
                slug=slug,
            )
        if files.inside(folder, theirs) or files.inside(theirs, folder):
            raise InputError(
                "The folder shares files with version {number} of {dataset!r}: a grant of one would give "
                "the other.",
                advice="Give each version of each dataset a folder of its own.",
                number=version.number,
                dataset=version.dataset,
            )


def withdraw_version(site: Site, actor: Actor, slug: str, number: int, why: str) -> DatasetVersion:
    """The version, withdrawn: mounted nowhere any more. No earlier version takes its place."""
    with site.store.transaction() as tx:
        version = version_numbered(tx, slug, number)
        if version.state is VersionState.WITHDRAWN:
            raise InputError(
                "Version {number} of {slug!r} was withdrawn already.",
                advice="`hub-ext dataset show {slug}` lists its versions.",
                number=number,
                slug=slug,
            )
        version = replace(version, state=VersionState.WITHDRAWN)
        versions.replace(tx, version)
        facts = {"dataset": slug, "number": number, "why": checks.line(why, Phrase("reason"), required=True)}
        site.record(tx, actor, Verb.VERSION_WITHDRAWN, version.id, facts)
    return version


async def verify_version(
    site: Site, slug: str, number: int | None = None, *, progress: Progress = quiet
) -> tuple[DatasetVersion, Differences]:
    """Read the version's folder again, None being the current one, and say what differs from its manifest.

    Raises InputError where the folder or the manifest is gone or cannot be read.
    """
    with site.store.reading() as tx:
        dataset_named(tx, slug)
        version = version_numbered(tx, slug, number)
    folder = await asyncio.to_thread(files.resolve, Path(version.folder), site.settings.dataset_roots)
    if str(folder) != version.folder:
        raise InputError(
            "The folder of version {number} was replaced by a link to {folder!r}.",
            advice="Put the registered folder back.",
            number=version.number,
            folder=str(folder),
        )
    differences = await asyncio.to_thread(
        files.compare, folder, manifests(site), version.manifest_digest, progress=progress
    )
    return version, differences


# --- as a reader sees it ---

_LOOK = (
    "find",
    PROBED,
    *("(", "-type", "d", "!", "(", "-readable", "-executable", ")", ")", "-o"),
    *("(", "-type", "f", "!", "-readable", ")"),
)


async def check_readable(site: Site, folder: Path, read_gids: tuple[int, ...]) -> None:
    """Nothing where an ordinary user with those groups can read every file in a container.

    Raises InputError with the advice to mend it; SettingsError without a seed image; EngineError.
    """
    if not site.settings.seed_image:
        raise SettingsError(
            "c.HubExt.seed_image is not set, so nobody can look from inside a container.",
            advice="`hub-ext setup` builds the base image and names it.",
        )
    mount = {
        "Type": "bind",
        "Source": str(folder),
        "Target": PROBED,
        "ReadOnly": True,
        "BindOptions": {"Propagation": "rprivate", "ReadOnlyForceRecursive": True},
    }
    try:
        seen = await site.engine.run_probe(
            site.settings.seed_image,
            [*_LOOK, "-print"],
            uid=READER_UID,
            gid=READER_GID,
            groups=read_gids,
            mounts=[mount],
            seconds=600,
        )
    except EngineError as error:
        if "bind source path does not exist" in error.message:
            raise InputError(
                "The engine sees no folder {folder!r}.",
                advice="It must be mounted on the engine's own host, at the same path.",
                folder=str(folder),
            ) from error
        if "permission denied" in error.message.lower():
            # https://github.com/moby/moby/issues/35002: root is nobody on NFS with root squash
            raise InputError(
                "The engine itself may not enter {folder!r}.",
                advice="On NFS with root squash, let others pass through the folders above it (chmod o+x).",
                folder=str(folder),
            ) from error
        raise
    if seen.rc == 0 and not seen.output.strip():
        return
    named = (line for line in seen.output.splitlines() if line.startswith(PROBED))
    first = str(folder) + next(named, PROBED).removeprefix(PROBED)
    groups = Phrase("the groups {gids}", gids=read_gids) if read_gids else Phrase("no group of the dataset's")
    raise InputError(
        "A notebook's user with {groups} cannot read {path!r}.",
        advice="Set read_gids to the group that may read the files (`ls -ln` shows its number): "
        "`hub-ext dataset change SLUG --read-gid GID`; or make the files readable for that group.",
        groups=groups,
        path=first,
    )
