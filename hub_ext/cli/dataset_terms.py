"""`hub-ext dataset terms`: what researchers accept before they use a dataset."""

from __future__ import annotations

from pathlib import Path

from traitlets import Unicode

from hub_ext.adapters.store import acceptances, persons, terms
from hub_ext.cli.app import Argument, Command, UsageError
from hub_ext.errors import InputError
from hub_ext.flows import data
from hub_ext.flows import terms as flows
from hub_ext.model import Localised

MOST_BYTES = 4 * flows.MOST_CHARACTERS


class Terms(Command):
    """The terms of use of a dataset and who accepted them; with files, the next version of the terms.

    Researchers accept them on the start page, before the dataset is first mounted, and again when they
    change. Running servers go on. The texts are plain text in UTF-8.
    """

    examples = """
        hub-ext dataset terms mri
        hub-ext dataset terms mri --english terms.en.txt --french terms.fr.txt --on-behalf-of lise
    """
    arguments = (Argument("dataset", "Slug of the dataset."),)
    english = Unicode("", help="File with the English text.").tag(option=True, metavar="FILE")
    french = Unicode("", help="File with the French text.").tag(option=True, metavar="FILE")

    def run(self) -> None:
        """Show them, or add a version."""
        slug = self.argument("dataset")
        if bool(self.english) != bool(self.french):
            raise UsageError("Terms have both languages: give --english and --french.", self.typed)
        if not self.english:
            self._show(slug)
            return
        made = flows.add_terms(
            self.site, self.actor, slug, Localised(_text(self.english), _text(self.french))
        )
        return self.done(
            made,
            f"Version {made.number} of the terms of {slug} is to be accepted at each person's next start.",
        )

    def _show(self, slug: str) -> None:
        with self.site.store.reading() as tx:
            data.dataset_named(tx, slug)
            current = terms.current(tx, slug)
            agreed = acceptances.listing(tx, dataset=slug)
            names = {known.id: known.username for known in persons.listing(tx)}
        self.show_record(
            {"terms": current, "acceptances": agreed},
            [
                ("version", current.number if current else None),
                ("since", current.created if current else None),
                *((f"en {number}", line) for number, line in _lines(current.text.en if current else "")),
                *((f"fr {number}", line) for number, line in _lines(current.text.fr if current else "")),
                *(
                    (f"accepted by {names[one.person_id]}", [f"version {one.number}", one.accepted])
                    for one in agreed
                ),
            ],
        )


def _lines(text: str) -> list[tuple[int, str]]:
    return list(enumerate(text.splitlines(), 1))


def _text(path: str) -> str:
    with Path(path).open("rb") as file:
        read = file.read(MOST_BYTES + 1)
    if len(read) > MOST_BYTES:
        raise InputError(f"{path!r} is too long.", advice=f"Use {flows.MOST_CHARACTERS} characters at most.")
    try:
        return read.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path!r} is not text in UTF-8.", advice="Save it as UTF-8.") from error
