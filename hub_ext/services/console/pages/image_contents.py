"""What an image holds: one of the registry before it is added, or a revision beside another."""

from __future__ import annotations

from hub_ext.errors import InputError, RegistryError
from hub_ext.expression.catalogue import PACKAGES
from hub_ext.expression.image_env import DENIED_ENV
from hub_ext.flows import catalogue
from hub_ext.flows import image_contents as flow
from hub_ext.model.duties import Deed
from hub_ext.services.console.page import PageHandler


class PickedPage(PageHandler):
    """An image of a registry, looked at before it is added."""

    area = "images"
    deed = Deed.WRITE_IMAGES

    async def get(self) -> None:
        """The page, or why it cannot be told."""
        alias, path, tag = (self.get_query_argument(name, "")[:255] for name in ("registry", "path", "tag"))
        found, failure = None, ""
        try:
            found = await flow.contents(self.site, alias, path, tag)
        except (RegistryError, InputError) as error:
            failure = self.told(error)
        self.show(
            "images/picked.html",
            registry=alias,
            path=path,
            tag=tag,
            slug=self.get_query_argument("slug", "")[:40],
            contents=found,
            emptied=DENIED_ENV,
            failure=failure,
            kinds=PACKAGES,
        )


class RevisionPage(PageHandler):
    """A revision of an entry, and what it has otherwise than another one."""

    area = "images"
    deed = Deed.READ_IMAGES

    async def get(self, slug: str, number: str) -> None:
        """The page; the other one is the one before, unless `from` names it."""
        shown = await self.in_thread(catalogue.show, self.site, slug)
        numbers = [revision.number for revision in shown.revisions]
        after = int(number)
        given = self.get_query_argument("from", "")
        before = int(given) if given.isdigit() and len(given) < 8 else after - 1
        found, differ, failure = None, None, ""
        try:
            found = await flow.of_revision(self.site, slug, after)
            if before in numbers and before != after:
                differ = await flow.between(self.site, slug, before, after)
        except RegistryError as error:
            failure = self.told(error)
        self.show(
            "images/revision.html",
            entry=shown.entry,
            number=after,
            before=before,
            others=[(str(one), str(one)) for one in numbers if one != after],
            contents=found,
            emptied=set(DENIED_ENV) - set(shown.entry.allowed_env),
            differ=differ,
            failure=failure,
            kinds=PACKAGES,
        )


ROUTES = (
    (r"images/contents", PickedPage),
    (r"images/([a-z0-9-]{1,40})/revisions/([0-9]{1,7})", RevisionPage),
)
