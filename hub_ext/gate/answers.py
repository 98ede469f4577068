"""`/answer`: what the client sees where `/check` said that its request may not simply pass."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs

from tornado import web

from hub_ext.expression.languages import LANGUAGE_COOKIE, LANGUAGES
from hub_ext.gate import pages
from hub_ext.gate.hub import HubSilentError
from hub_ext.gate.judge import Judge
from hub_ext.gate.original import OriginalRequest, parse, uri_without_token
from hub_ext.gate.own_paths import OwnPaths, SeeOther, Shown
from hub_ext.gate.pages import Notice
from hub_ext.gate.reserved import ENTER, LEAD, SIGN_IN_AGAIN
from hub_ext.gate.routes import Absence, OpenServer
from hub_ext.gate.session_page import CONTENT_SECURITY_POLICY
from hub_ext.gate.sessions import SessionUnknownError
from hub_ext.gate.sign_in import Redirect, SignInFailed, SignInFlow
from hub_ext.gate.verdicts import (
    Elsewhere,
    Enter,
    Forbidden,
    HubSilent,
    Lead,
    MissingSlash,
    NotRunning,
    OAuthReturn,
    Pass,
    Refused,
    Reserved,
    SignIn,
    SignOut,
    TokenInAddress,
    Verdict,
)

# Says to a page of our images that it should be loaded again: it then gets a page that says why.
RELOAD_HEADER = "X-Hub-Ext-Reload"
# A page there names its address, with a state and a code in it, to nobody, not even to the server.
_CODE_PATHS = (f"/{LEAD}", f"/{ENTER}", "/oauth_callback")

log = logging.getLogger("hub_ext.gate")


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """What answers need of the gate. `hub` is where browsers find the Hub, with a slash at its end."""

    judge: Judge
    sign_in: SignInFlow
    own_paths: OwnPaths
    hub: str


_NOT_OPEN = {
    Absence.CLOSED: pages.NOT_RUNNING,
    Absence.STARTING: pages.STARTING,
    Absence.STOPPING: pages.STOPPING,
}


def application(parts: AnswerParts) -> web.Application:
    """Answers `/answer`, whatever the method."""
    return web.Application([(r"/answer", AnswerHandler, {"parts": parts})], log_function=lambda handler: None)


class AnswerHandler(web.RequestHandler):
    """Judges the request again, and answers as the verdict says."""

    def initialize(self, parts: AnswerParts) -> None:
        """Called by tornado."""
        self.parts = parts
        self.original = parse(self.request.headers.get_all())

    def set_default_headers(self) -> None:
        """Sets the headers of every answer."""
        self.clear_header("Server")
        for name, value in pages.HEADERS.items():
            self.set_header(name, value)

    def compute_etag(self) -> None:
        """None, as no browser keeps an answer."""

    def check_xsrf_cookie(self) -> None:
        """Checks nothing: the judge looks where a request comes from, and forms have a token of their own."""

    async def prepare(self) -> None:
        """Answers the request, whatever its method."""
        request = self.original
        if request is None:
            self._notice(pages.BAD_ADDRESS)
            return
        if request.path.endswith(_CODE_PATHS):
            self.set_header("Referrer-Policy", "no-referrer")
        verdict = self.parts.judge.at_once(request) or await self.parts.judge.judge(request)
        try:
            await self._answer(request, verdict)
        except HubSilentError:
            self._notice(pages.SILENT)
        except SessionUnknownError as error:
            log.error("%s", error)
            self._notice(pages.SILENT)

    async def _answer(self, request: OriginalRequest, verdict: Verdict) -> None:
        match verdict:
            case Pass():
                # The door opened between the two questions.
                self._again(request)
            case Reserved():
                await self._own(request, verdict)
            case SignIn(server):
                if request.navigates:
                    self._sign_in(request, server, uri_without_token(request.path, request.query))
                else:
                    self._notice(pages.NOT_SIGNED_IN, server)
            case OAuthReturn(server):
                outcome = await self.parts.sign_in.end(request, server) if request.method == "GET" else None
                if isinstance(outcome, Redirect):
                    outcome = await self._led_on(request, server, outcome)
                self._go_or_fail(request, server, outcome)
            case Lead(server, token):
                self._go_or_fail(request, server, self.parts.sign_in.lead(request, server, token))
            case Enter(server):
                self._go_or_fail(request, server, self.parts.sign_in.enter(request, server))
            case Elsewhere(server):
                if request.navigates:
                    self.redirect(server.origin + uri_without_token(request.path, request.query))
                else:
                    self._notice(pages.ELSEWHERE, server)
            case SignOut():
                self.redirect(f"{self.parts.hub}logout")
            case MissingSlash(server):
                self.redirect(server.prefix + (f"?{request.query}" if request.query else ""))
            case TokenInAddress(server):
                if request.navigates:
                    self.redirect(uri_without_token(request.path, request.query))
                else:
                    self._notice(pages.TOKEN_IN_ADDRESS, server)
            case Forbidden(server, Refused.CROSS_SITE):
                self._notice(pages.CROSS_SITE, server)
            case Forbidden(server):
                # The cookie may be that of whoever used this browser before.
                if request.navigates and request.path == server.prefix + SIGN_IN_AGAIN:
                    self._sign_in(request, server, server.prefix)
                else:
                    self._notice(pages.NO_RIGHT, server)
            case NotRunning(absence):
                self._notice(_NOT_OPEN[absence])
            case HubSilent():
                self._notice(pages.SILENT)

    async def _led_on(self, request: OriginalRequest, server: OpenServer, redirect: Redirect) -> Redirect:
        """The end of a sign-in; where it sends the browser to ask for a lead, the lead itself.

        The question is judged as the browser would ask it, with the cookie that it has just got.
        """
        path, _, query = redirect.location.partition("?")
        if path != server.prefix + LEAD:
            return redirect
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in redirect.cookies if cookie.value)
        question = replace(request, uri=redirect.location, path=path, query=query, cookies=cookies)
        verdict = await self.parts.judge.judge(question)
        lead = self.parts.sign_in.lead(question, server, verdict.token) if isinstance(verdict, Lead) else None
        return Redirect(lead.location, redirect.cookies) if isinstance(lead, Redirect) else redirect

    def _again(self, request: OriginalRequest) -> None:
        if request.navigates:
            self.redirect(request.uri)
        else:
            self._notice(pages.SILENT)

    async def _own(self, request: OriginalRequest, reserved: Reserved) -> None:
        """The gate's own paths below a server's prefix."""
        chosen = parse_qs(request.query).get("language", [""])[0]
        answer = await self.parts.own_paths.answer(
            request,
            reserved,
            form={name: self.get_body_argument(name) for name in self.request.body_arguments},
            language=self._language(chosen),
            chosen=chosen if chosen in LANGUAGES else "",
        )
        match answer:
            case SeeOther(address):
                self.redirect(address, status=303)
            case Shown(body, is_html, status):
                self.set_status(status)
                self.set_header("Vary", "Accept-Language, Cookie")
                if is_html:
                    self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
                else:
                    self.set_header("Content-Type", "application/json")
                self.finish(body)
            case _:
                self._notice(answer, reserved.server)

    def _sign_in(self, request: OriginalRequest, server: OpenServer, back: str) -> None:
        """Begins a sign-in: by OAuth at the Hub's name, and at a server's own origin by way of it."""
        sign_in = self.parts.sign_in
        if server.origin and server.is_at(request.host):
            self._go(request, server, sign_in.ask_for_lead(request, server, back))
        else:
            self._go(request, server, sign_in.begin(request, server, back))

    def _go_or_fail(
        self, request: OriginalRequest, server: OpenServer, outcome: Redirect | SignInFailed | None
    ) -> None:
        if isinstance(outcome, Redirect) and request.navigates:
            self._go(request, server, outcome)
        else:
            self._notice(pages.SIGN_IN_FAILED, server)

    def _go(self, request: OriginalRequest, server: OpenServer, redirect: Redirect) -> None:
        secure = self.parts.judge.scheme(request, server) == "https"
        attributes: dict[str, Any] = {"httponly": True, "secure": secure, "samesite": "Lax"}
        for cookie in redirect.cookies:
            if not cookie.value:
                self.clear_cookie(cookie.name, path=cookie.path, **attributes)
                continue
            self.set_cookie(cookie.name, cookie.value, path=cookie.path, max_age=cookie.max_age, **attributes)
        self.redirect(redirect.location)

    def _notice(self, notice: Notice, server: OpenServer | None = None) -> None:
        language = self._language()
        self.set_status(notice.status)
        self.set_header("Vary", "Accept-Language, Cookie")
        if notice.status == 503:
            self.set_header("Retry-After", str(pages.RETRY_SECONDS))
        if self.original is None or not (self.original.navigates or self._is_other_page()):
            if self.original and self.original.fetch_site == "same-origin" and notice in pages.ENDED:
                # JupyterLab takes 503 for a server that is gone, and is silent about 403.
                self.set_status(503)
                self.set_header(RELOAD_HEADER, notice.reason)
            self.set_header("Content-Type", "application/json")
            self.finish(pages.problem(notice, language))
        else:
            self.finish(pages.page(notice, language, self.parts.hub, self._links(notice, server)))

    def _language(self, chosen: str = "") -> str:
        """The reader's: chosen in the address or on a page of ours, else the browser's."""
        cookies = {name: morsel.value for name, morsel in self.request.cookies.items()}
        if chosen:
            cookies[LANGUAGE_COOKIE] = chosen
        return pages.reader_language(cookies, self.request.headers.get("Accept-Language", ""))

    def _is_other_page(self) -> bool:
        request = self.original
        if request is None:
            return False
        if request.fetch_mode:
            return request.fetch_mode == "navigate"
        # Of a form, where the browser does not say.
        return request.method == "POST" and "text/html" in request.accept

    def _links(self, notice: Notice, server: OpenServer | None) -> tuple[tuple[str, str], ...]:
        home = ("My servers", f"{self.parts.hub}home")
        if server is not None and notice is pages.NO_RIGHT:
            return home, ("Sign in again", server.prefix + SIGN_IN_AGAIN)
        if server is not None:
            return ("Open the server", server.prefix), home
        if notice is pages.NOT_RUNNING and self.original and self.original.path.startswith("/user/"):
            # The Hub knows which part of a path is a server's name; its page goes on to the form at once.
            return ("Start it again", f"{self.parts.hub}{self.original.path[1:]}#start"), home
        return (home,)

    def write_error(self, status_code: int, **more: Any) -> None:
        """Answers for a failure of ours, or for a method that does not exist."""
        self._notice(pages.FAILED if status_code >= 500 else pages.BAD_ADDRESS)

    def log_exception(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Logs the exception without the request, as addresses may hold tokens."""
        if not isinstance(error, web.HTTPError):
            log.error("An answer failed", exc_info=(kind, error, trace) if kind and error else None)
