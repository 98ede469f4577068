"""`hub-ext volume`: homes and project folders as store and engine have them, and the end of one."""

from __future__ import annotations

from collections.abc import Iterable

from traitlets import List, Unicode

from hub_ext.adapters.store import persons
from hub_ext.cli import sizes, volume_quarantine
from hub_ext.cli.app import Argument, Command, Noun
from hub_ext.errors import InputError
from hub_ext.flows import volumes
from hub_ext.flows.volumes import Kept

NAME = Argument("name", "Name of the volume, as the engine has it.")


class ListAll(Command):
    """Every volume of this instance: also those that no row knows, and those that the engine has lost."""

    examples = "hub-ext volume list"

    async def run(self) -> None:
        """Show the table."""
        known = await volumes.kept(self.site)
        names = self.usernames()
        self.show_table(
            known,
            {
                "NAME": lambda one: one.name,
                "KIND": lambda one: one.volume and one.volume.kind,
                "PROJECT": lambda one: one.volume and one.volume.project,
                "PERSON": lambda one: one.volume and names.get(one.volume.person_id or ""),
                "USED": lambda one: one.volume and sizes.shown(one.volume.used_bytes),
                "DATASETS": lambda one: one.datasets,
                "STATE": _state,
            },
        )

    def usernames(self) -> dict[str, str]:
        """By person id."""
        with self.site.store.reading() as tx:
            return {known.id: known.username for known in persons.listing(tx)}


class Show(ListAll):
    """One volume: whose it is, what may have been copied into it, who has it now."""

    examples = "hub-ext volume show hubext-vol-…"
    arguments = (NAME,)

    async def run(self) -> None:
        """Show it."""
        one = await volumes.find(self.site, self.argument("name"))
        self.show_record(one, list(_pairs(one, self.usernames())))


class Delete(Command):
    """Destroy a volume and all in it, for good.

    Refused while a container has it, and in quarantine. Where copies of a dataset may lie in it, a steward
    of each must agree. The order and its reason are recorded, then the deletion with proof that it is gone;
    where the engine fails in between, the same command finishes it.
    """

    examples = """
        hub-ext volume delete hubext-vol-… --reason "The study ended; see letter 12/2026" --steward stella
    """
    arguments = (NAME,)
    reason = Unicode("", help="Why it is deleted.").tag(option=True, required=True, metavar="TEXT")
    stewards = List(Unicode(), help="A steward who agrees; may be given several times.").tag(
        option="--steward", metavar="USERNAME"
    )

    async def run(self) -> None:
        """Delete it."""
        agreeing = tuple(self._person(name) for name in self.stewards)
        done = await volumes.delete(
            self.site, self.actor, self.argument("name"), reason=self.reason, stewards=agreeing
        )
        self.done(done, f"{done.name} is gone.")

    def _person(self, username: str) -> str:
        with self.site.store.reading() as tx:
            person = persons.find_username(tx, username)
        if person is None:
            raise InputError(
                "There is no person with the username {username!r}.",
                username=username,
                advice="`hub-ext person list` shows everybody.",
            )
        return person.id


def _pairs(one: Kept, names: dict[str, str]) -> Iterable[tuple[str, object]]:
    yield "name", one.name
    yield "state", _state(one)
    if one.volume is not None:
        yield "id", one.volume.id
        yield "kind", one.volume.kind
        yield "project", one.volume.project
        yield "person", names.get(one.volume.person_id or "")
        yield "since", one.volume.created
        yield "used", sizes.shown(one.volume.used_bytes)
        yield "ended", one.volume.ended
    yield "folder", one.folder
    yield "copies may be of", one.datasets
    yield "held by", one.held_by


def _state(one: Kept) -> str:
    if one.volume is None:
        return "in no row"
    if one.missing:
        return "lost by the engine"
    if one.volume.quarantined_why:
        return "in quarantine"
    if one.volume.ended:
        return "ended"
    return "in use" if one.held_by else "at rest"


class Volume(Noun):
    """Homes and project folders. Nothing deletes one by itself."""

    verbs = (
        ("list", ListAll, "all of them, with what is amiss"),
        ("show", Show, "one of them"),
        *volume_quarantine.VERBS,
        ("delete", Delete, "destroy one for good"),
    )
    examples = "hub-ext volume list"
