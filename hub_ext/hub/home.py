"""What the home page shows of a server: the newest launch of it, and what its volumes hold."""

from __future__ import annotations

from typing import Any

from hub_ext.adapters.store import images, projects, stop_notes, versions, volumes
from hub_ext.expression import words
from hub_ext.expression.kept_folders import folder_title, room_text
from hub_ext.expression.session_warnings import WarningKind, standing_warnings
from hub_ext.flows import disk, queue, session_warnings
from hub_ext.flows import launch as flow
from hub_ext.flows.launch.threads import in_store
from hub_ext.flows.site import Site
from hub_ext.hub import pages
from hub_ext.model import Launch, Person, Refusal, StopReason, Volume
from hub_ext.model.queue import WaitingState
from hub_ext.model.session_facts import SessionWarnings


async def last_session(site: Site, person: Person, server_name: str, language: str) -> dict[str, Any] | None:
    """The newest launch of a server; None where it never had one."""
    launch = await flow.last_launch(site, person.id, server_name)
    if launch is None:
        return None

    until = words.last_day(launch.expires_at, language, pages.zone(site)) if launch.expires_at else ""

    def read() -> dict[str, Any]:
        with site.store.reading() as tx:
            project = projects.find(tx, launch.project)
            image = images.find(tx, launch.image)
            mounted = versions.listing(tx, ids=launch.version_ids)
            folders = volumes.listing(tx, ids=launch.volume_ids)
            note = stop_notes.find(tx, launch.id)
            warnings = session_warnings.read_warnings(tx, site, launch) if launch.state.active else None
        return {
            "project": project.title.text(language) if project else launch.project,
            "environment": image.title.text(language) if image else launch.image,
            "datasets": [version.dataset for version in mounted],
            "until": until,
            "warnings": _warnings(site, warnings, language) if warnings else [],
            "ended": _ended(site, launch, language),
            "note": note.text if note else "",
            "room": [_room(volume, language) for volume in folders if volume.used_bytes is not None],
        }

    return await in_store(read)


async def in_line(site: Site, person: Person, language: str) -> dict[str, Any]:
    """Places in line for GPUs, and turns that came in vain."""
    waiting = await in_store(lambda: queue.own(site, person.id))
    zone = pages.zone(site)
    return {
        "places": [
            {
                "server": place.row.server_name,
                "number": place.number,
                "of": place.of,
                "called": place.row.state is WaitingState.CALLED,
                "on_hold": place.on_hold,
                "by": words.instant(place.by, language, zone) if place.by else "",
            }
            for place in waiting.places
        ],
        "failed": [
            {
                "server": row.server_name,
                "when": words.instant(row.ended, language, zone) if row.ended else "",
                "why": words.refusal_text(Refusal(row.why), language, zone).replace("\n", " "),
            }
            for row in waiting.failed
        ],
    }


def _warnings(site: Site, warnings: SessionWarnings, language: str) -> list[dict[str, Any]]:
    """What stands about a server; with a stop that is ahead, how much time may be asked for.

    Blocks stand above every page already.
    """
    stop = warnings.stop
    more = {"left": stop.left, "hours": words.hours_text(stop.seconds, language)}
    return [
        {"text": each.text, "more": more if each.kind is WarningKind.STOP else None}
        for each in standing_warnings(warnings, site.now(), language, pages.zone(site))
        if each.kind is not WarningKind.BLOCK
    ]


def _room(volume: Volume, language: str) -> dict[str, Any]:
    """What a home or project folder holds of its allowance, as last measured."""
    return {
        "what": folder_title(volume.kind, language),
        "used": room_text(volume.used_bytes, volume.allowed_bytes, language),
        "full": disk.almost_full(volume),
    }


def _ended(site: Site, launch: Launch, language: str) -> str:
    if launch.ended is None:
        return ""
    when = words.day(launch.ended, language, pages.zone(site))
    try:
        why = words.ending(StopReason(launch.stop_reason), language)
    except ValueError:
        return when
    return f"{when}. {why}"
