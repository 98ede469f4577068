"""The gate's own paths below a server's prefix, for whoever may enter it: the page of the session, its JSON,
and more time. Nothing of this reaches the container, and none of it is a use of the server.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from jupyterhub.utils import url_escape_path

from hub_ext.flows.session_warnings import Session
from hub_ext.flows.site import Site
from hub_ext.gate import pages, session_page
from hub_ext.gate.hub import HubClient
from hub_ext.gate.original import OriginalRequest
from hub_ext.gate.pages import Notice, translated
from hub_ext.gate.reserved import RESERVED
from hub_ext.gate.routes import OpenServer
from hub_ext.gate.seal import Seal
from hub_ext.gate.session_page import Addresses, Reader
from hub_ext.gate.sessions import MoreTime, Sessions
from hub_ext.gate.verdicts import Reserved
from hub_ext.policy.cross_site import SignedInBy

PAGE = ""
SESSION = "session"
MORE_TIME = "more-time"
_FORM = "more time"

NO_MORE_TIME = "There is no more time"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no more time is given: a code for programs, and an English sentence."""

    reason: str
    text: str


# Where a request comes from was judged before: who has no token of this sign-in has an old page.
STALE = Refusal("stale", "This page was from an earlier sign-in. Press the button again.")
REFUSED = {
    MoreTime.NOT_DUE: Refusal(
        "not-due", "This server is not about to be stopped: there is nothing to extend."
    ),
    MoreTime.NONE_LEFT: Refusal(
        "none-left",
        "More time was asked for as often as is allowed here. Use the server, or save your work.",
    ),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer of the gate: HTML, or JSON."""

    body: str
    is_html: bool
    status: int = 200


@dataclass(frozen=True, slots=True)
class SeeOther:
    """The browser goes on to that address with a GET."""

    address: str


OwnAnswer = Shown | SeeOther | Notice


class OwnPaths:
    """Answers the gate's own paths. `hub` is where browsers find the Hub, with a slash at its end."""

    def __init__(self, site: Site, sessions: Sessions, hub_client: HubClient, seal: Seal, hub: str) -> None:
        self._site = site
        self._sessions = sessions
        self._hub_client = hub_client
        self._seal = seal
        self._hub = hub

    async def answer(
        self,
        request: OriginalRequest,
        reserved: Reserved,
        *,
        form: Mapping[str, str],
        language: str,
        chosen: str,
    ) -> OwnAnswer:
        """The answer to a request that was judged to be one of ours.

        `language` is the reader's, `chosen` what the address itself asks for, or "". Raises
        SessionUnknownError and HubSilentError.
        """
        reads = request.method in ("GET", "HEAD")
        if reads and reserved.path in (PAGE, SESSION):
            return await self._shown(reserved, language, chosen, is_html=reserved.path == PAGE)
        if request.method == "POST" and reserved.path == MORE_TIME:
            is_html = request.fetch_mode == "navigate" or "text/html" in request.accept
            return await self._more_time(reserved, form, language, chosen, is_html=is_html)
        return pages.NO_SUCH_PAGE

    async def _shown(
        self,
        reserved: Reserved,
        language: str,
        chosen: str,
        *,
        is_html: bool,
        alert: str = "",
        status: int = 200,
    ) -> Shown | Notice:
        session = await self._sessions.read(reserved.server)
        if session is None:
            return pages.NOT_RUNNING
        reader = Reader(language, ZoneInfo(self._site.settings.time_zone), self._site.now())
        body = self._body(session, reader, reserved, chosen, alert, is_html=is_html)
        return Shown(body, is_html, status)

    def _body(
        self, session: Session, reader: Reader, reserved: Reserved, chosen: str, alert: str, *, is_html: bool
    ) -> str:
        addresses = self._addresses(reserved.server, chosen)
        token = self._seal.seal(_FORM, _form_binding(reserved))
        if is_html:
            return session_page.page(session, reader, addresses, token, alert)
        return session_page.as_json(session, reader, addresses, token)

    async def _more_time(
        self, reserved: Reserved, form: Mapping[str, str], language: str, chosen: str, *, is_html: bool
    ) -> OwnAnswer:
        if not self._is_own_form(reserved, form):
            return await self._refused(reserved, STALE, 403, language, chosen, is_html=is_html)
        owner = await self._hub_client.owner_of(reserved.token)
        if owner is None or owner.is_service:
            return pages.NO_RIGHT
        outcome = await self._sessions.ask_more_time(reserved.server, owner.name)
        match outcome:
            case MoreTime.ENDED:
                return pages.NOT_RUNNING
            case MoreTime.NOBODY:
                return pages.NO_RIGHT
            case MoreTime.GIVEN if is_html:
                return SeeOther(self._addresses(reserved.server, chosen).page)
            case MoreTime.GIVEN:
                return await self._shown(reserved, language, chosen, is_html=False, status=201)
        return await self._refused(reserved, REFUSED[outcome], 409, language, chosen, is_html=is_html)

    async def _refused(
        self, reserved: Reserved, refusal: Refusal, status: int, language: str, chosen: str, *, is_html: bool
    ) -> OwnAnswer:
        """The page with the reason above it, or the reason alone."""
        if not is_html:
            return Notice(status, refusal.reason, NO_MORE_TIME, refusal.text)
        alert = translated(refusal.text, language)
        return await self._shown(reserved, language, chosen, is_html=True, alert=alert, status=status)

    def _is_own_form(self, reserved: Reserved, form: Mapping[str, str]) -> bool:
        """Whether the form came from this page. A program with an API token has no page, and needs none."""
        if reserved.signed_in_by is SignedInBy.TOKEN:
            return True
        return self._seal.unseal(form.get("token", ""), _form_binding(reserved)) == _FORM

    def _addresses(self, server: OpenServer, chosen: str) -> Addresses:
        below = server.prefix + RESERVED
        name = f"{url_escape_path(server.username)}/{url_escape_path(server.server_name)}"
        return Addresses(
            server=server.prefix,
            page=session_page.with_language(below, chosen),
            more_time=session_page.with_language(below + MORE_TIME, chosen),
            home=f"{self._hub}home",
            restart=f"{self._hub}hub-ext/restart/{name}",
            sign_out=f"{self._hub}logout",
        )


def _form_binding(reserved: Reserved) -> str:
    """What a form's token is sealed for: this launch, and this sign-in."""
    sign_in = hashlib.sha256(reserved.token.encode()).hexdigest()
    return f"form {reserved.server.launch_id} {sign_in}"
