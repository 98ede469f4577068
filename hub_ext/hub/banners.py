"""What operators have stopped, above every page of the Hub of whoever it concerns."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

from hub_ext.errors import HubExtError
from hub_ext.expression import ends_ahead
from hub_ext.flows import blocks
from hub_ext.flows.launch.threads import in_store
from hub_ext.flows.site import Site
from hub_ext.hub import pages
from hub_ext.hub.hub_site import hub_site

log = logging.getLogger("hub_ext")


@pass_context
def of_context(context: Context) -> Awaitable[list[str]] | list[str]:
    """For templates: the sentences. None on the Hub's error pages, which may wait for nothing."""
    if not context.environment.is_async:
        return []
    user: Any = context.get("user")
    return _sentences(user.name if user else None, pages.language_of_context(context))


async def _sentences(username: str | None, language: str) -> list[str]:
    """The sentences; none where the store fails: a page without a banner is better than no page."""
    try:
        site = hub_site()
        return await in_store(lambda: _read(site, username, language))
    except HubExtError as error:
        log.error("What is stopped is not known: %s", error)
        return []


def _read(site: Site, username: str | None, language: str) -> list[str]:
    zone = pages.zone(site)
    notices = blocks.banners(site, username)
    return [ends_ahead.banner(notice.reason, notice.end_by, language, zone) for notice in notices]
