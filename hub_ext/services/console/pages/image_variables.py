"""A variable of an image is allowed for an entry, or emptied again."""

from __future__ import annotations

from hub_ext.flows import catalogue
from hub_ext.model import ImageEntry, Rejection
from hub_ext.services.console.forms import FormModel, RequiredLine
from hub_ext.services.console.pages.images import EntryAction


class Permission(FormModel):
    """Whether servers keep a variable of the image; `version` is the entry's, as the page showed it."""

    version: int
    name: RequiredLine
    allowed: bool


class VariableAction(EntryAction):
    """Allows it, or empties it again."""

    model = Permission

    async def act(self, slug: str, value: Permission) -> ImageEntry | Rejection:
        """As the base."""
        self._permission = value
        entry = (await self.in_thread(catalogue.show, self.site, slug)).entry
        others = [name for name in entry.allowed_env if name != value.name]
        return await self.in_thread(
            catalogue.change,
            *(self.site, self.known.actor, slug),
            expected_version=value.version,
            allowed_env=(*others, value.name) if value.allowed else tuple(others),
        )

    def done(self, entry: ImageEntry) -> str:
        """As the base."""
        name = self._permission.name
        if self._permission.allowed:
            return self._("Servers that start from now on get {name} as the image has it.", name=name)
        return self._("Servers that start from now on get {name} empty.", name=name)


ROUTES = ((r"images/([a-z0-9-]{1,40})/variables", VariableAction),)
