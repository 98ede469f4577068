"""A registry's repositories and tags, to pick an image from; and the spawn page as somebody would see it."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

from hub_ext.errors import InputError, RegistryError
from hub_ext.expression import words
from hub_ext.flows import browse, people
from hub_ext.flows.launch import choices
from hub_ext.flows.site import Site
from hub_ext.model import Person
from hub_ext.model.duties import Deed
from hub_ext.services.console.page import PageHandler

MOST_SHOWN = 200


class BrowsePage(PageHandler):
    """Repositories, or the tags of one."""

    area = "images"
    deed = Deed.WRITE_IMAGES

    async def get(self) -> None:
        """The page; with a registry that is down, what it said last."""
        known = [registry.alias for registry in self.site.settings.registries]
        alias = self.get_query_argument("registry", known[0] if known else "")
        path = self.get_query_argument("path", "").strip()[:255]
        text = self.get_query_argument("q", "").strip()[:255]
        repositories = tags = None
        failure = ""
        try:
            if alias and path:
                tags = await browse.tags(self.site, alias, path)
            elif alias:
                repositories = await browse.repositories(self.site, alias)
        except (RegistryError, InputError) as error:
            failure = self.told(error)
        found = [one for one in repositories.items if text in one] if repositories else []
        self.show(
            "images/browse.html",
            registries=[(one, one) for one in known],
            registry=alias,
            path=path,
            text=text,
            repositories=found[:MOST_SHOWN],
            more=len(found) - MOST_SHOWN,
            tags=tags.items if tags else (),
            source=tags or repositories,
            failure=failure,
            slug=re.sub(r"[^a-z0-9]+", "-", path.rpartition("/")[2])[:40].strip("-"),
        )


class PreviewPage(PageHandler):
    """What somebody could start now, and why not the rest."""

    area = "images"
    deed = Deed.WRITE_IMAGES

    async def get(self) -> None:
        """The page; groups of the sign-in provider are not known here."""
        name = self.get_query_argument("person", "").strip()[:255]
        failure, shown, person = "", None, None
        if name:
            try:
                person = await self.in_thread(_person, self.site, name)
            except InputError as error:
                failure = self.told(error)
            else:
                shown = await choices(self.site, person.id, "", groups=None)
        zone = ZoneInfo(self.site.settings.time_zone)
        self.show(
            "images/preview.html",
            name=name,
            person=person,
            shown=shown,
            failure=failure,
            why=lambda reasons: [str(words.sentence(reason, self.language, zone)) for reason in reasons],
        )


def _person(site: Site, name: str) -> Person:
    with site.store.reading() as tx:
        return people.person_named(tx, name)


ROUTES = (
    (r"images/browse", BrowsePage),
    (r"images/preview", PreviewPage),
)
