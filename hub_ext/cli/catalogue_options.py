"""What may be said of a catalogue entry on the command line."""

from __future__ import annotations

from traitlets import Bool, Float, Int, List, Unicode

from hub_ext.cli import sizes
from hub_ext.cli.app import Command
from hub_ext.cli.catalogue_interface import InterfaceOptions
from hub_ext.expression.image_env import ALLOWABLE_ENV
from hub_ext.flows import admission
from hub_ext.model import Ceilings
from hub_ext.model.interfaces import JUPYTER, Interface


class _Description(Command):
    """The options that say what an entry is, who may use it and how much of a machine."""

    title_en = Unicode(None, allow_none=True, help="English title.").tag(option=True, metavar="TEXT")
    title_fr = Unicode(None, allow_none=True, help="French title.").tag(option=True, metavar="TEXT")
    description_en = Unicode(None, allow_none=True, help="English description, one line.").tag(
        option=True, metavar="TEXT"
    )
    description_fr = Unicode(None, allow_none=True, help="French description, one line.").tag(
        option=True, metavar="TEXT"
    )
    projects = List(Unicode(), help="Project that may use it; none: every project.").tag(
        option="--project", metavar="SLUG"
    )
    max_cpus = Float(None, allow_none=True, help="CPUs of one server at most.").tag(option=True)
    max_mem = Unicode(None, allow_none=True, help='Memory of one server at most, such as "16G".').tag(
        option=True, metavar="SIZE"
    )
    max_gpus = Int(None, allow_none=True, help="GPUs of one server at most.").tag(option=True)
    max_idle = Int(None, allow_none=True, help="Seconds without use after which a server stops.").tag(
        option=True, metavar="SECONDS"
    )
    start_url = Unicode(
        None, allow_none=True, help='Page that opens; by default "/lab" of Jupyter, "/" of a command.'
    ).tag(option=True, metavar="PATH")
    needs_gpu = Bool(None, allow_none=True, help="It does not work without a GPU.").tag(option=True)


class About(InterfaceOptions, _Description):
    """The options that say something about an entry, shared by `add` and `change`."""

    allow_env = List(
        Unicode(),
        help="Variable of the image that servers keep although it is usually emptied: "
        f"{', '.join(ALLOWABLE_ENV)}.",
    ).tag(option=True, metavar="NAME")

    def fill(
        self,
        typed: admission.EntryOptions,
        ceilings: Ceilings,
        interface: Interface = JUPYTER,
        allowed_env: tuple[str, ...] = (),
    ) -> None:
        """Add what was typed to what was there before. Raises InputError."""
        typed["ceilings"] = self._ceilings(ceilings)
        typed["interface"] = self.filled_interface(interface)
        typed["allowed_env"] = (*allowed_env, *self.allow_env)
        if self.projects:
            typed["projects"] = tuple(self.projects)
        if self.start_url is not None:
            typed["start_url"] = self.start_url
        if self.needs_gpu is not None:
            typed["needs_gpu"] = self.needs_gpu

    def _ceilings(self, before: Ceilings) -> Ceilings:
        return Ceilings(
            before.cpus if self.max_cpus is None else self.max_cpus,
            before.mem_bytes if self.max_mem is None else sizes.parse(self.max_mem),
            before.gpus if self.max_gpus is None else self.max_gpus,
            before.idle_seconds if self.max_idle is None else self.max_idle,
        )
