"""The catalogue as one file: taken away, and brought back after a look at what it would change."""

from __future__ import annotations

from typing import Any

from hub_ext.errors import InputError, Stale
from hub_ext.expression.catalogue import finding_text
from hub_ext.expression.catalogue_file import written
from hub_ext.expression.catalogue_plan import step_lines
from hub_ext.flows import catalogue_import as flows
from hub_ext.model import ImportPlan, Rejection
from hub_ext.model.duties import Deed
from hub_ext.services.console.forms import Filled
from hub_ext.services.console.page import PageHandler

MOST_SHOWN = 500  # entries of a plan; more are counted


class CataloguePage(PageHandler):
    """The file's page: download, and the form to bring one back."""

    area = "images"
    deed = Deed.READ_IMAGES

    async def get(self) -> None:
        """The page."""
        self.form_page()

    def form_page(self, error: str = "", rejections: tuple[Rejection, ...] = ()) -> None:
        """The form again, with what was wrong."""
        form: Filled[Any] | None = Filled(None, {}, {"": error}) if error else None
        reasons = [
            (rejection.entry, finding_text(finding, self.language))
            for rejection in rejections
            for finding in rejection.findings
            if finding.blocking
        ]
        self.show("catalogue/file.html", form=form, reasons=reasons[:MOST_SHOWN])


class ExportFile(PageHandler):
    """The file itself."""

    area = "images"
    deed = Deed.READ_IMAGES

    async def get(self) -> None:
        """As a download."""
        stated = await self.in_thread(flows.export, self.site)
        self.set_header("Content-Type", "application/yaml; charset=utf-8")
        self.set_header("Content-Disposition", 'attachment; filename="catalogue.yaml"')
        self.finish(written(stated))


class _Import(CataloguePage):
    deed = Deed.WRITE_IMAGES

    async def get(self) -> None:
        """To the form: an action's address is no page."""
        self.redirect(self.path_to("catalogue"))

    async def post(self) -> None:
        """Does it, or says what is in the way."""
        try:
            wanted = await self.in_thread(
                flows.wish,
                self._content(),
                retire_missing=self._field("retire_missing") == b"true",
                despite_failed_check=self._field("despite_failed_check") == b"true",
            )
            await self.act(wanted)
        except InputError as error:
            self.set_status(400)
            self.form_page(self.told(error))
        except Stale as error:
            self.set_status(409)
            self.form_page(self.told(error))

    async def act(self, wanted: flows.Wish) -> None:
        """With what was sent."""
        raise NotImplementedError

    def refused(self, rejections: tuple[Rejection, ...]) -> None:
        """Every reason."""
        self.set_status(409)
        self.form_page(self._("Nothing is imported: all of this is in the way."), rejections)

    def _content(self) -> bytes:
        sent = self.request.files.get("file")
        return bytes(sent[0]["body"]) if sent and sent[0]["body"] else self._field("content")

    def _field(self, name: str) -> bytes:
        return self.request.body_arguments.get(name, [b""])[-1]


class PreviewAction(_Import):
    """What the file would change; nothing is written."""

    async def act(self, wanted: flows.Wish) -> None:
        """As the base."""
        plan = await flows.preview(self.site, wanted)
        if plan.refused:
            self.refused(tuple(Rejection(one.after.slug, one.findings) for one in plan.entries))
            return
        self.show(
            "catalogue/plan.html",
            plan=plan,
            entries=[
                (one, step_lines(one, self.language), [finding_text(f, self.language) for f in one.findings])
                for one in plan.entries[:MOST_SHOWN]
            ],
            more=max(0, len(plan.entries) - MOST_SHOWN),
            content=self._content().decode(),
            retire_missing=wanted.retire_missing,
            despite_failed_check=wanted.despite_failed_check,
        )


class ConfirmAction(_Import):
    """Just what was shown, or nothing."""

    async def act(self, wanted: flows.Wish) -> None:
        """As the base."""
        expected = self._field("plan").decode(errors="replace")
        made = await flows.import_file(self.site, self.known.actor, wanted, expected=expected)
        if isinstance(made, ImportPlan):
            changed = sum(bool(one.steps) for one in made.entries)
            self.notice("images", self._("Imported. Images changed: {count}.", count=changed))
        else:
            self.refused(made)


ROUTES = (
    (r"catalogue", CataloguePage),
    (r"catalogue/export", ExportFile),
    (r"catalogue/preview", PreviewAction),
    (r"catalogue/import", ConfirmAction),
)
