"""What a server's own page shows of its session: HTML for people, JSON for the pages of the server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from hub_ext.expression import words
from hub_ext.expression.ends_ahead import what_ends
from hub_ext.expression.kept_folders import folder_title, room_text
from hub_ext.expression.session_facts import facts_tree, utc_text
from hub_ext.expression.session_warnings import standing_warnings
from hub_ext.flows.session_warnings import Session
from hub_ext.gate.pages import rendered, translated
from hub_ext.model.session_facts import KeptFolder

# The page shows what its server's own pages could ask for as well; no other site may frame or fill it.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: in which language, in which time zone, and when."""

    language: str
    zone: ZoneInfo
    now: datetime


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the page's links and its form lead: raw paths at this origin, or URLs."""

    server: str
    page: str
    more_time: str
    home: str
    restart: str
    sign_out: str


def page(session: Session, reader: Reader, addresses: Addresses, token: str, alert: str = "") -> str:
    """The page. `token` is what the form has to bring back; `alert` stands above the warnings."""
    facts, stop, language, zone = session.facts, session.warnings.stop, reader.language, reader.zone
    extended = stop.extended_until
    return rendered(
        "session.html",
        language,
        home=addresses.home,
        title=facts.server_name or translated("Main server", language),
        alert=alert,
        warnings=standing_warnings(session.warnings, reader.now, language, zone),
        more_time=_more_time(session, reader, addresses, token),
        links=_links(addresses, language),
        facts=facts,
        project=facts.project_title.text(language),
        environment=facts.environment_title.text(language),
        datasets=[
            {"title": each.title.text(language), "version": each.version, "folder": each.folder}
            for each in facts.datasets
        ],
        cpus=words.number_text(facts.cpus, language),
        memory=words.size_text(facts.mem_bytes, language),
        started=words.instant(facts.started, language, zone),
        end=words.instant(facts.end.at, language, zone) if facts.end else "",
        end_why=what_ends(facts.end.reasons, language) if facts.end else "",
        idle=words.duration_text(facts.idle_seconds, language),
        ceiling=words.duration_text(facts.busy_ceiling_seconds, language),
        extended_until=(
            words.instant(extended, language, zone) if extended and extended > reader.now else ""
        ),
        kept=[_kept(folder, language) for folder in facts.kept],
        zone=zone.key,
    )


def as_json(session: Session, reader: Reader, addresses: Addresses, token: str) -> str:
    """The session as JSON, for programs. `more_time` is null where none can be asked for."""
    return json.dumps(
        {
            "session": facts_tree(session.facts),
            "warnings": [
                {
                    "kind": warning.kind.value,
                    "at": utc_text(warning.at) if warning.at else None,
                    "text": warning.text,
                }
                for warning in standing_warnings(session.warnings, reader.now, reader.language, reader.zone)
            ],
            "more_time": _more_time(session, reader, addresses, token),
            "page": addresses.page,
            "home": addresses.home,
            "restart": addresses.restart,
            "sign_out": addresses.sign_out,
        },
        ensure_ascii=False,
    )


def with_language(address: str, language: str) -> str:
    """The address, for a reader who has chosen that language; "" for one who has not."""
    return f"{address}?{urlencode({'language': language})}" if language else address


def _more_time(session: Session, reader: Reader, addresses: Addresses, token: str) -> dict[str, Any] | None:
    stop = session.warnings.stop
    if stop.at is None or not stop.left:
        return None
    hours = words.hours_text(stop.seconds, reader.language)
    return {
        "address": addresses.more_time,
        "token": token,
        "seconds": stop.seconds,
        "label": translated("More time ({hours} h)", reader.language).format(hours=hours),
        "left": stop.left,
    }


def _links(addresses: Addresses, language: str) -> list[tuple[str, str]]:
    links = (
        ("Open the server", addresses.server),
        ("My servers", addresses.home),
        ("Restart or stop", addresses.restart),
        ("Sign out", addresses.sign_out),
    )
    return [(translated(label, language), address) for label, address in links]


def _kept(folder: KeptFolder, language: str) -> dict[str, str]:
    return {
        "title": folder_title(folder.kind, language),
        "folder": folder.folder,
        "used": room_text(folder.used_bytes, folder.allowed_bytes, language),
    }
