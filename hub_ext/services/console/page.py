"""A page: a template with who looks at it, and a sentence in place of every error."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NoReturn
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from tornado import web
from tornado.httputil import url_concat

from hub_ext.errors import Conflict, EngineError, HubExtError, InputError, NotFound, RegistryError
from hub_ext.expression.duties import denial_words
from hub_ext.expression.ends_ahead import banner
from hub_ext.expression.phrases import error_words, phrase_text
from hub_ext.flows.blocks import banners
from hub_ext.model.blocks import BlockNotice
from hub_ext.model.duties import Deed, Denial
from hub_ext.phrase import Phrase
from hub_ext.services.console.areas import areas_of
from hub_ext.services.console.base import ConsoleHandler
from hub_ext.services.console.shown import FILTERS

TEMPLATES = Path(__file__).parent / "templates"
STATUSES: tuple[tuple[type[HubExtError], int], ...] = (
    (NotFound, 404),
    (Conflict, 409),
    (InputError, 400),
    (RegistryError, 503),
    (EngineError, 503),
)


class Denied(Exception):
    """Ends a request with the words of a "no"."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.code)
        self.denial = denial


def status_of(error: HubExtError) -> int:
    """The HTTP status for a failure of ours."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


@cache
def environment() -> Environment:
    """Where pages are rendered: everything escaped, nothing silently missing."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    return made


class PageHandler(ConsoleHandler):
    """A page of an area. `deed`, where set, is asked before any method runs."""

    area: ClassVar[str] = ""
    deed: ClassVar[Deed | None] = None
    banners: tuple[BlockNotice, ...] = ()

    async def prepare(self) -> None:
        """As the base, then the page's own deed."""
        await super().prepare()
        if self._finished or self.visitor is None:
            return
        if self.deed is not None:
            self.require(self.deed)
        self.banners = await self.in_thread(banners, self.site, self.visitor.person.username)

    def not_signed_in(self) -> None:
        """To the Hub's sign-in and back; a form that was sent is told to be sent again."""
        if self.request.method in ("GET", "HEAD") and "HX-Request" not in self.request.headers:
            self.redirect(self.get_login_url())
        else:
            raise web.HTTPError(403)

    def stranger(self) -> None:
        """A page that says so."""
        raise web.HTTPError(403)

    def require(self, deed: Deed, **about: str | None) -> None:
        """Returns where the visitor may; else ends the request with the reason."""
        if denial := self.known.may(deed, **about):
            raise Denied(denial)

    def allows(self, deed: str, **about: str | None) -> bool:
        """For templates: whether to show what does the deed, such as "images.write"."""
        return self.visitor is not None and self.visitor.may(Deed(deed), **about) is None

    def show(self, template: str, **values: Any) -> None:
        """Answer with a template of `templates/`."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(environment().get_template(template).render(self._common() | values))

    def phrase(self, phrase: Phrase) -> str:
        """What a flow or an adapter says, in the reader's language."""
        return phrase_text(phrase, self.language, self._)

    def told(self, error: HubExtError) -> str:
        """The fact and the next step, in the reader's language."""
        return str(error_words(error, self.language, self._))

    def notice(self, path: str, text: str) -> None:
        """To another page of the console, which says this once."""
        self.set_signed_cookie(
            "hub-ext-notice", text.encode(), path=self.console.prefix, httponly=True, samesite="Strict"
        )
        self.redirect(self.path_to(path), status=303)

    def _common(self) -> dict[str, Any]:
        return {
            "_": self._,
            "language": self.language,
            "visitor": self.visitor,
            "areas": areas_of(self.visitor) if self.visitor else (),
            "area": self.area,
            "prefix": self.console.prefix,
            "hub": self.hub_auth.hub_prefix,
            "xsrf": self.xsrf_token.decode(),
            "allows": self.allows,
            "zone": self.site.settings.time_zone,
            "now": self.site.now(),
            "notice": self._notice(),
            "address": self.request.uri,
            "query": self._query,
            "banners": self._banners(),
        }

    def _banners(self) -> list[str]:
        zone = ZoneInfo(self.site.settings.time_zone)
        return [banner(one.reason, one.end_by, self.language, zone) for one in self.banners]

    def _query(self, **changed: object) -> str:
        """This page's address with some of its parameters changed; None leaves one out."""
        held = {key: self.get_query_argument(key) for key in self.request.query_arguments}
        kept = {key: str(value) for key, value in {**held, **changed}.items() if value is not None}
        return url_concat(self.request.path, kept)

    def _notice(self) -> str:
        held = self.get_signed_cookie("hub-ext-notice")
        if not held:
            return ""
        self.clear_cookie("hub-ext-notice", path=self.console.prefix)
        return held.decode(errors="replace")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The page of an error, in the reader's language; what went wrong inside stays in the log."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        fact, advice = "", ""
        if isinstance(error, Denied):
            status_code = 403
            words = denial_words(error.denial, self.language)
            fact, advice = words.fact, words.advice
        elif isinstance(error, HubExtError) and status_of(error) < 500:
            status_code = status_of(error)
            words = error_words(error, self.language, self._)
            fact, advice = words.fact, words.advice
        elif isinstance(error, HubExtError):
            status_code = status_of(error)
        self.set_status(status_code)
        self.show("error.html", status=status_code, fact=fact, advice=advice)

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """A "no", and what somebody typed, are no errors of ours."""
        if isinstance(error, Denied) or (isinstance(error, HubExtError) and status_of(error) < 500):
            return
        super().log_exception(kind, error, trace)


class NoSuchPage(PageHandler):
    """Any other address."""

    async def prepare(self) -> NoReturn:
        """404, to whoever asks."""
        raise web.HTTPError(404)
