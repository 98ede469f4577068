"""What comes into the catalogue, looked at: images by the registry's word, entries by what was typed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypedDict

from hub_ext.adapters.registry import ImageConfig, Manifest, checked_path, checked_tag, machine_platform
from hub_ext.errors import InputError
from hub_ext.expression.image_env import DENIED_ENV, emptied, unsafe_to_allow
from hub_ext.flows import checks, image_env
from hub_ext.flows.interface_checks import checked_interface
from hub_ext.flows.site import Site
from hub_ext.model import Ceilings, Finding, ImageEntry, Localised
from hub_ext.model.interfaces import Interface
from hub_ext.phrase import Phrase
from hub_ext.policy import catalogue as policy

REPORT = 2  # the form of a revision's report; a new form gets the next number
LEAST_MEM_BYTES = 256 * 1024**2


class EntryOptions(TypedDict, total=False):
    """What an entry has beside its name and its image."""

    projects: tuple[str, ...]
    ceilings: Ceilings
    interface: Interface
    start_url: str
    needs_gpu: bool
    allowed_env: tuple[str, ...]


class EntryChanges(EntryOptions, total=False):
    """What may be changed of an entry; each replaces the former value.

    Not its registry and path: its revisions' digests lie there.
    """

    title: Localised
    description: Localised
    tag: str


@dataclass(frozen=True, slots=True)
class Review:
    """What the registry holds under a tag or digest, and what there is to say about it."""

    digest: str
    findings: tuple[Finding, ...]
    report: dict[str, Any]


async def review_image(site: Site, entry: ImageEntry, reference: str) -> Review:
    """What the entry's registry holds under a tag or digest, for this machine's platform, reviewed.

    Raises the RegistryError tree.
    """
    platform = machine_platform()
    async with site.registry(entry.alias) as registry:
        manifest = await registry.manifest(entry.path, reference, platform)
        config = await registry.config(entry.path, manifest)
    image = _image(manifest, config)
    findings = (
        *policy.review(image, platform=str(platform), emptied=DENIED_ENV, allowed=entry.allowed_env),
        *image_env.unsafe_findings(config.env, entry.allowed_env),
    )
    report = {
        "report": REPORT,
        "index": manifest.index_digest,
        "media_type": manifest.media_type,
        "platform": f"{config.os}/{config.architecture}",
        "total_bytes": manifest.total_bytes,
        "layers": len(manifest.layers),
        "volumes": list(policy.volume_paths(image)),
        "created": config.created[:40],
        "emptied_env": list(emptied(config.env)),
        "unsafe_env": list(unsafe_to_allow(config.env)),
        "findings": [plain(finding) for finding in findings],
    }
    return Review(manifest.digest, findings, report)


def _image(manifest: Manifest, config: ImageConfig) -> policy.ImageFacts:
    return policy.ImageFacts(
        platform=f"{config.os}/{config.architecture}",
        total_bytes=manifest.total_bytes,
        layers=len(manifest.layers),
        user=config.user,
        env=config.env,
        labels=config.labels,
        entrypoint=config.entrypoint,
        command=config.command,
        volumes=config.volumes,
        healthcheck=config.healthcheck,
    )


def plain(finding: Finding) -> dict[str, Any]:
    """A finding as it is stored in reports and the record."""
    return {"code": finding.code.value, "blocking": finding.blocking, "shown": dict(finding.shown)}


def checked(entry: ImageEntry) -> ImageEntry:
    """The entry with its texts in order. Raises InputError."""
    checked_path(entry.path)
    checked_tag(entry.tag)
    limits = entry.ceilings
    if limits.mem_bytes is not None and limits.mem_bytes < LEAST_MEM_BYTES:
        raise InputError("The memory ceiling is below 256 MiB.", advice="A notebook server needs more.")
    if any(limit is not None and limit <= 0 for limit in (limits.cpus, limits.idle_seconds)):
        raise InputError("A ceiling is not above zero.", advice="Leave it out where the site's is right.")
    if limits.gpus is not None and limits.gpus < (1 if entry.needs_gpu else 0):
        raise InputError(
            "The GPU ceiling is below what the image needs.", advice="Raise one, or lower the other."
        )
    start_url = checks.line(entry.start_url, Phrase("start URL"), required=True, most=200)
    if not start_url.startswith("/") or start_url.startswith("//") or "\\" in start_url:
        raise InputError(
            "The start URL {start_url!r} does not lie on the server.",
            advice='Begin it with one "/".',
            start_url=start_url,
        )
    return replace(
        entry,
        title=checks.localised(entry.title, Phrase("title"), required=True),
        description=checks.localised(entry.description, Phrase("description")),
        projects=tuple(dict.fromkeys(entry.projects)),
        interface=checked_interface(entry.interface),
        start_url=start_url,
        allowed_env=image_env.checked_names(entry.allowed_env),
    )


def only_registry(site: Site) -> str:
    """The alias of the only registry. Raises InputError where there are none or several."""
    known = [registry.alias for registry in site.settings.registries]
    if len(known) != 1:
        raise InputError(
            "Which registry is it? Known: {known}.",
            advice="Name it, or add it to c.HubExt.registries.",
            known=tuple(known) or Phrase("none"),
        )
    return known[0]
