"""The Hub's pages in two languages: whose language, which words, and the templates that stand for the Hub's.

The Hub's Jinja environment has no translations and its handlers hand no request to the templates. What
they do hand over is their own bound method `static_url`, and through it the request.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context

from hub_ext.expression.languages import LANGUAGE_COOKIE, language_of
from hub_ext.flows.site import Site
from hub_ext.hub.french import FRENCH
from hub_ext.policy.server_names import RESERVED

TEMPLATES = Path(__file__).parent / "templates"


def translated(text: str, language: str) -> str:
    """The French for an English text of ours; any other text as it is."""
    return FRENCH.get(text, text) if language == "fr" else text


def zone(site: Site) -> ZoneInfo:
    """The time zone of the dates that people read."""
    return ZoneInfo(site.settings.time_zone)


def request_language(request: Any, otherwise: str = "en") -> str:
    """The language of whoever sent this request: chosen on a page, else preferred by the browser."""
    if request is None:
        return otherwise
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    accepted = request.headers.get("Accept-Language", "")
    return language_of(unquote(chosen.value) if chosen else None, accepted, otherwise)


def form_environment() -> Environment:
    """Where the spawn form is rendered: everything escaped, nothing silently missing."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.globals["_"] = _words_of_context
    return environment


class TwoLanguages(Extension):
    """For `c.JupyterHub.jinja_environment_options`: `_("text")`, `language()`, `banners()` in templates."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals["_"] = _words_of_context
        environment.globals["language"] = language_of_context
        environment.globals["reserved_server_names"] = sorted(RESERVED)
        # The Hub's settings name this class by its module, which the module of banners needs itself.
        from hub_ext.hub import banners

        environment.globals["banners"] = banners.of_context


@pass_context
def language_of_context(context: Context) -> str:
    """The language of whoever reads the page."""
    given = context.get("form_language")
    if given:
        return str(given)
    handler = getattr(context.get("static_url"), "__self__", None)
    return request_language(getattr(handler, "request", None))


@pass_context
def _words_of_context(context: Context, text: str, **shown: object) -> str:
    words = translated(text, language_of_context(context))
    return words.format(**shown) if shown else words
