"""The catalogue of images: found, looked at, published and taken back."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from hub_ext.errors import InputError
from hub_ext.expression import command_line
from hub_ext.expression.catalogue import INTERFACES, OUTCOMES, PREFIXES, SCHEMES, STATES, finding_text
from hub_ext.expression.interface_file import differing
from hub_ext.expression.poll_lines import poll_written
from hub_ext.flows import catalogue as flows
from hub_ext.flows import catalogue_search, image_check, image_env, people
from hub_ext.flows.unsafe_images import unsafe
from hub_ext.flows.usage import usage
from hub_ext.model import Finding, FindingCode, ImageEntry, ImageState, Rejection
from hub_ext.model.duties import Deed
from hub_ext.model.interfaces import Interface, InterfaceKind
from hub_ext.services.console.forms import Filled, FormModel, Line, filled
from hub_ext.services.console.page import PageHandler

PAGE = 50
CHECKS_SHOWN = 10


class Move(FormModel):
    """A revision to publish or to go back to; `version` is the entry's, as the page showed it."""

    version: int
    revision: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class Publish(Move):
    """`despite` is the answer where the last check failed."""

    despite: bool = False


class Deprecate(FormModel):
    """What follows, and why."""

    version: int
    successor: Line = ""
    why: Line = ""


class Retire(FormModel):
    """Why nobody may start it any more."""

    version: int
    why: Annotated[Line, Field(min_length=1)]
    security: bool = False


class ImagesPage(PageHandler):
    """The catalogue, a part at a time."""

    area = "images"
    deed = Deed.READ_IMAGES

    async def get(self) -> None:
        """The page, or its table alone for a search while typing."""
        wanted = catalogue_search.Search(
            text=self.get_query_argument("q", "")[:200],
            state=_state(self.get_query_argument("state", "")),
            project=self.get_query_argument("project", "")[:40],
        )
        page = await self.in_thread(
            catalogue_search.search, self.site, wanted, after=self.get_query_argument("after", ""), limit=PAGE
        )
        fragment = self.request.headers.get("HX-Target") == "found"
        self.show(
            "images/table.html" if fragment else "images/list.html",
            page=page,
            wanted=wanted,
            states=[(state.value, words.text(self.language)) for state, words in STATES.items()],
            words=STATES,
        )


class ImagePage(PageHandler):
    """One entry, its revisions, and what may be done to it."""

    area = "images"
    deed = Deed.READ_IMAGES

    async def get(self, slug: str) -> None:
        """The page."""
        await self.shown(slug)

    async def shown(
        self,
        slug: str,
        form: Filled[Any] | None = None,
        findings: tuple[Finding, ...] = (),
        *,
        looked: flows.Looked | None = None,
    ) -> None:
        """The page, with what came of the last action."""
        shown = await self.in_thread(flows.show, self.site, slug)
        others = await self.in_thread(flows.listing, self.site)
        used = await self.in_thread(usage, self.site, slug)
        checks = await self.in_thread(image_check.listing, self.site, slug, CHECKS_SHOWN)
        newest = shown.revisions[0].number if shown.revisions else 0
        named = {revision.created_by for revision in shown.revisions}
        named |= {launch.person_id for launch in used.running}
        names = await self.in_thread(people.names, self.site, named)
        self.show(
            "images/entry.html",
            entry=shown.entry,
            revisions=shown.revisions,
            newest=shown.revisions[0] if shown.revisions else None,
            words=STATES,
            names=names,
            used=used,
            successors=[
                (other.slug, other.title.text(self.language))
                for other in others
                if other.slug != slug and other.state is ImageState.PUBLISHED
            ],
            form=form,
            findings=self.worded(findings),
            looked=looked,
            reviewed=self._reviewed,
            checks=checks,
            checked=await self.in_thread(image_check.verdicts, self.site, slug),
            doubted=_doubted(findings),
            outcomes=OUTCOMES,
            **_interface(shown.entry.interface),
            variables=image_env.variables(
                shown.entry, [one for one in shown.revisions if one.number in (newest, shown.entry.revision)]
            ),
            unsafe=await self.in_thread(unsafe, self.site, slug),
        )

    def worded(self, findings: tuple[Finding, ...]) -> list[tuple[bool, str]]:
        """Whether each is in the way, and its sentence; what is comes first."""
        ordered = sorted(findings, key=lambda finding: not finding.blocking)
        return [(finding.blocking, finding_text(finding, self.language)) for finding in ordered]

    def _reviewed(self, report: Any) -> list[tuple[bool, str]]:
        """The findings that a revision's report keeps."""
        kept = tuple(
            Finding(FindingCode(one["code"]), one["blocking"], tuple(one["shown"].items()))
            for one in report.get("findings", ())
            if one["code"] in set(FindingCode)
        )
        return self.worded(kept)


class EntryAction(ImagePage):
    """An action of the entry's page: done, refused with every reason, or its form again."""

    deed = Deed.WRITE_IMAGES
    model: type[FormModel] = Move

    async def get(self, slug: str) -> None:
        """To the entry: an action's address is no page."""
        self.redirect(self.path_to(f"images/{slug}"))

    async def post(self, slug: str) -> None:
        """Does it."""
        form: Filled[Any] = filled(self, self.model, self._)
        if form.value is not None:
            try:
                made = await self.act(slug, form.value)
            except InputError as error:
                form = form.with_error("", self.told(error))
            else:
                await self.ended(slug, made)
                return
        self.set_status(400)
        await self.shown(slug, form)

    async def act(self, slug: str, value: Any) -> ImageEntry | Rejection:
        """The flow of this action."""
        raise NotImplementedError

    def done(self, entry: ImageEntry) -> str:
        """What to say when it is done."""
        raise NotImplementedError

    async def ended(self, slug: str, made: ImageEntry | Rejection) -> None:
        """Back to the entry, with the outcome."""
        if isinstance(made, Rejection):
            self.set_status(409)
            await self.shown(slug, findings=made.findings)
        else:
            self.notice(f"images/{slug}", self.done(made))


class PublishAction(EntryAction):
    """A revision for everybody from now on."""

    model = Publish

    async def act(self, slug: str, value: Publish) -> ImageEntry | Rejection:
        """As the base."""
        made = await flows.publish(
            *(self.site, self.known.actor, slug),
            number=value.revision,
            expected_version=value.version,
            despite_failed_check=value.despite,
        )
        self._checked = await self.in_thread(image_check.verdicts, self.site, slug)
        return made

    def done(self, entry: ImageEntry) -> str:
        """As the base."""
        done = self._("Published. New servers start revision {number}.", number=entry.revision)
        if entry.revision in self._checked:
            return done
        not_yet = self._("It has passed no check yet.")
        return f"{done} {not_yet}"


class RollBackAction(EntryAction):
    """An earlier revision for everybody from now on."""

    async def act(self, slug: str, value: Move) -> ImageEntry | Rejection:
        """As the base."""
        actor, number = self.known.actor, value.revision
        return await self.in_thread(
            flows.rollback, self.site, actor, slug, number=number, expected_version=value.version
        )

    def done(self, entry: ImageEntry) -> str:
        """As the base."""
        return self._("Rolled back. New servers start revision {number}.", number=entry.revision)


class DeprecateAction(EntryAction):
    """Still started, with a word to its users."""

    model = Deprecate

    async def act(self, slug: str, value: Deprecate) -> ImageEntry | Rejection:
        """As the base."""
        return await self.in_thread(
            flows.deprecate,
            *(self.site, self.known.actor, slug),
            successor=value.successor or None,
            why=value.why,
            expected_version=value.version,
        )

    def done(self, entry: ImageEntry) -> str:
        """As the base."""
        return self._("Deprecated. It still starts, and its users are told.")


class RetireAction(EntryAction):
    """Started no more."""

    model = Retire

    async def act(self, slug: str, value: Retire) -> ImageEntry | Rejection:
        """As the base."""
        self._security = value.security
        return await self.in_thread(
            flows.retire,
            *(self.site, self.known.actor, slug),
            why=value.why,
            security=value.security,
            expected_version=value.version,
        )

    def done(self, entry: ImageEntry) -> str:
        """As the base."""
        if self._security:
            return self._("Retired for security. Nobody starts it any more, and what runs of it ends.")
        return self._("Retired. Nobody starts it any more; servers that run go on.")


class RefreshAction(EntryAction):
    """Looks at the tag again."""

    async def act(self, slug: str, value: Move) -> ImageEntry | Rejection:
        """As the base."""
        self._looked = await flows.refresh(self.site, self.known.actor, slug)
        return self._looked.entry

    def done(self, entry: ImageEntry) -> str:
        """As the base."""
        number = self._looked.revision.number
        if self._looked.new:
            return self._(
                "The tag has moved: revision {number} is new. Publish it when it is right.", number=number
            )
        return self._("The tag is at revision {number}, as known.", number=number)


def _doubted(findings: tuple[Finding, ...]) -> int | None:
    """The revision of which only its failed check is in the way: whoever publishes it is asked."""
    if [finding.code for finding in findings if finding.blocking] != [FindingCode.CHECK_FAILED]:
        return None
    return int(dict(findings[0].shown)["revision"])


def _interface(interface: Interface) -> dict[str, Any]:
    """How an interface is shown: of another program all of it, of a Jupyter server what is not usual."""
    every = ("port", "prefix", "ready_path", "polls", "secret")
    return {
        "interfaces": INTERFACES,
        "prefixes": PREFIXES,
        "schemes": SCHEMES,
        "command": command_line.joined(interface.command),
        "polls": [poll_written(poll) for poll in interface.polls],
        "differing": every if interface.kind is InterfaceKind.COMMAND else differing(interface),
    }


def _state(text: str) -> ImageState | None:
    return ImageState(text) if text in set(ImageState) else None


ROUTES = (
    (r"images", ImagesPage),
    (r"images/([a-z0-9-]{1,40})", ImagePage),
    (r"images/([a-z0-9-]{1,40})/publish", PublishAction),
    (r"images/([a-z0-9-]{1,40})/roll-back", RollBackAction),
    (r"images/([a-z0-9-]{1,40})/deprecate", DeprecateAction),
    (r"images/([a-z0-9-]{1,40})/retire", RetireAction),
    (r"images/([a-z0-9-]{1,40})/refresh", RefreshAction),
)
