"""What people and programs read where the gate does not let them through, in two languages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hub_ext.expression.languages import LANGUAGE_COOKIE, language_of
from hub_ext.gate.french import FRENCH

RETRY_SECONDS = 5
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """Why a request did not go through: a status, a code for programs, and two sentences for people."""

    status: int
    reason: str
    title: str
    text: str
    retries: bool = False


NO_RIGHT = Notice(
    *(403, "no-right", "You may not open this server"),
    "You are signed in, and this server is not yours and not shared with you.",
)
NOT_SIGNED_IN = Notice(
    *(403, "not-signed-in", "You are not signed in"),
    "Open the server in your browser to sign in, or send an API token that may access it.",
)
ELSEWHERE = Notice(
    *(403, "elsewhere", "This server has an address of its own"),
    "Open it from your servers, or send an API token in the Authorization header.",
)
CROSS_SITE = Notice(
    *(403, "cross-site", "Another site sent you here"),
    "A page of another site made this request, so nothing was done. If you want to open your server, "
    "use the button.",
)
TOKEN_IN_ADDRESS = Notice(
    *(400, "token-in-address", "The address contains a token"),
    "Addresses are kept and passed on. Send an API token in the Authorization header.",
)
SIGN_IN_FAILED = Notice(
    *(403, "sign-in-failed", "The sign-in was not completed"),
    "It took too long, was begun in another browser, or your browser keeps no cookies. Try again.",
)
NOT_RUNNING = Notice(
    *(503, "not-running", "This server is not running"),
    "What lay in your home and in the project's folder is kept.",
)
STARTING = Notice(
    *(503, "starting", "This server is starting"),
    "This page opens it as soon as it is there.",
    retries=True,
)
STOPPING = Notice(
    *(503, "stopping", "This server is stopping"),
    "What lay in your home and in the project's folder is kept. This page tries again by itself.",
    retries=True,
)
SILENT = Notice(
    *(503, "silent", "The service does not answer right now"),
    "Notebooks that run are not affected. This page tries again by itself.",
    retries=True,
)
BAD_ADDRESS = Notice(
    *(400, "bad-address", "This address cannot be used"),
    "Go to your servers and open the one that you want.",
)
NO_SUCH_PAGE = Notice(
    *(404, "no-such-page", "There is no such page"),
    "Go to your servers and open the one that you want.",
)
FAILED = Notice(
    *(500, "failed", "Something of ours failed"),
    "Try again; if it lasts, tell the operators what time it is.",
)
NOTICES = (
    *(NO_RIGHT, NOT_SIGNED_IN, CROSS_SITE, SIGN_IN_FAILED, NOT_RUNNING, SILENT, BAD_ADDRESS, NO_SUCH_PAGE),
    *(ELSEWHERE, TOKEN_IN_ADDRESS, FAILED, STARTING, STOPPING),
)
# What ends an open page.
ENDED = (NOT_RUNNING, STARTING, STOPPING, NOT_SIGNED_IN, NO_RIGHT)

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def translated(text: str, language: str) -> str:
    """The French for an English text of the gate."""
    return FRENCH[text] if language == "fr" else text


def reader_language(cookies: Mapping[str, str], accept_language: str) -> str:
    """The language chosen on a page of ours, else the browser's."""
    return language_of(unquote(cookies.get(LANGUAGE_COOKIE, "")), accept_language)


def page(notice: Notice, language: str, hub: str, links: tuple[tuple[str, str], ...]) -> str:
    """The notice as a page. `links` are English labels and addresses; the first is the main one."""
    return rendered(
        "notice.html",
        language,
        title=translated(notice.title, language),
        text=translated(notice.text, language),
        retry_seconds=RETRY_SECONDS if notice.retries else None,
        links=[(translated(label, language), address) for label, address in links],
        home=f"{hub}home",
    )


def rendered(template: str, language: str, **shown: Any) -> str:
    """The template as a page in that language; `_("English text")` in it is translated and filled in."""

    def words(text: str, **facts: object) -> str:
        return translated(text, language).format(**facts)

    return _ENVIRONMENT.get_template(template).render(language=language, _=words, **shown)


def problem(notice: Notice, language: str) -> str:
    """The notice as JSON, with the fields of a Jupyter server's own errors."""
    message = f"{translated(notice.title, language)}. {translated(notice.text, language)}"
    return json.dumps({"message": message, "reason": notice.reason})
