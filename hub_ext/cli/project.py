"""`hub-ext project`: projects, and their disk; members and approvals are in `project_rights`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from traitlets import Bool, Enum, Float, Int, Unicode

from hub_ext.adapters.store import approvals, grants, memberships, persons, projects, volumes
from hub_ext.cli import sizes
from hub_ext.cli.app import Argument, Command, Noun
from hub_ext.cli.project_rights import PROJECT, WHY, Approve, EndApproval, Member
from hub_ext.cli.titles import merged
from hub_ext.flows import disk
from hub_ext.flows import projects as flows
from hub_ext.model import Ceilings, Localised, ProjectState, Volume
from hub_ext.model import Project as ProjectValue

STATES = [state.value for state in ProjectState if state is not ProjectState.DELETED]


class _About(Command):
    """The options that say something about a project, shared by `add` and `change`."""

    title_en = Unicode(None, allow_none=True, help="English title.").tag(option=True, metavar="TEXT")
    title_fr = Unicode(None, allow_none=True, help="French title.").tag(option=True, metavar="TEXT")
    max_cpus = Float(None, allow_none=True, help="CPUs of one server at most.").tag(option=True)
    max_mem = Unicode(None, allow_none=True, help='Memory of one server at most, such as "16G".').tag(
        option=True, metavar="SIZE"
    )
    max_gpus = Int(None, allow_none=True, help="GPUs of one server at most.").tag(option=True)
    max_idle = Int(None, allow_none=True, help="Seconds without use after which a server stops.").tag(
        option=True, metavar="SECONDS"
    )
    until = Unicode(None, allow_none=True, help="The project's last day.").tag(option=True, metavar="DAY")
    retain_until = Unicode(
        None, allow_none=True, help="Until when its files must be kept after its end."
    ).tag(option=True, metavar="DAY")

    def ceilings(self, before: Ceilings) -> Ceilings:
        """The former ceilings with what was typed. Raises InputError."""
        return Ceilings(
            before.cpus if self.max_cpus is None else self.max_cpus,
            before.mem_bytes if self.max_mem is None else sizes.parse(self.max_mem),
            before.gpus if self.max_gpus is None else self.max_gpus,
            before.idle_seconds if self.max_idle is None else self.max_idle,
        )

    def day(self, text: str | None) -> datetime | None:
        """The exclusive end of a typed day, or None."""
        return None if text is None else self.end(text)


class Add(_About):
    """Add a project: the only place where people, approvals and datasets meet.

    Nobody can start anything in it before it has an approval and members.
    """

    examples = """
        hub-ext project add onco --title-en "Breast cancer outcomes" --title-fr "Devenir du cancer du sein"
        hub-ext project add cardio --title-en Heart --title-fr Cœur --max-gpus 0 --until 2027-12-31
    """
    arguments = (Argument("project", "Slug: 1 to 40 of a-z, 0-9 and -. Never reused."),)

    def run(self) -> None:
        """Add the project."""
        title = Localised(self.title_en or self.title_fr or "", self.title_fr or self.title_en or "")
        project = flows.add_project(
            self.site,
            self.actor,
            self.argument("project"),
            title,
            ceilings=self.ceilings(Ceilings()),
            valid_until=self.day(self.until),
            retain_until=self.day(self.retain_until),
        )
        self.done(
            project,
            f"{project.slug} is added, gid {project.gid}. Next: `hub-ext project approve {project.slug} …` "
            f"and `hub-ext project member add {project.slug} USERNAME`.",
        )


class Change(_About):
    """Change a project; what is not typed stays. Frozen and archived projects start nothing."""

    examples = """
        hub-ext project change onco --state frozen
        hub-ext project change onco --max-mem 16G --until 2028-06-30
    """
    arguments = (PROJECT,)
    state = Enum(STATES, None, allow_none=True, help="The project's new state.").tag(option=True)
    no_end = Bool(False, help="Without a last day.").tag(option=True)

    def run(self) -> None:
        """Change the project."""
        with self.site.store.reading() as tx:
            before = flows.project_named(tx, self.argument("project"))
        changes = flows.ProjectChanges(ceilings=self.ceilings(before.ceilings))
        changes["title"] = merged(before.title, self.title_en, self.title_fr)
        if self.state is not None:
            changes["state"] = ProjectState(self.state)
        if self.until is not None or self.no_end:
            changes["valid_until"] = None if self.no_end else self.day(self.until)
        if self.retain_until is not None:
            changes["retain_until"] = self.day(self.retain_until)
        project = flows.change_project(self.site, self.actor, before.slug, **changes)
        self.done(project, f"{project.slug} is changed; it is {project.state}.")


class End(Command):
    """End a project for good: nothing starts in it, running servers stop within a minute.

    Its homes and its folder stay until somebody removes them.
    """

    examples = 'hub-ext project end onco --why "study closed" --retain-until 2036-12-31'
    arguments = (PROJECT,)
    why = Unicode("", help=WHY).tag(option=True, required=True, metavar="TEXT")
    retain_until = Unicode(None, allow_none=True, help="Until when its files must be kept.").tag(
        option=True, metavar="DAY"
    )

    def run(self) -> None:
        """End the project."""
        retain_until = self.end(self.retain_until) if self.retain_until else None
        project = flows.end_project(
            self.site, self.actor, self.argument("project"), self.why, retain_until=retain_until
        )
        self.done(project, f"{project.slug} is ended.")


class ListAll(Command):
    """All projects, their state and how many are in them."""

    examples = "hub-ext project list --all"
    all = Bool(False, help="Ended projects too.").tag(option=True)

    def run(self) -> None:
        """Show the table."""
        with self.site.store.reading() as tx:
            found = [project for project in projects.listing(tx) if self.all or not project.ended]
            places = [place for place in memberships.listing(tx) if not place.ended]
        members: dict[str, int] = {}
        for place in places:
            members[place.project] = members.get(place.project, 0) + 1
        self.show_table(
            found,
            {
                "PROJECT": lambda project: project.slug,
                "TITLE": lambda project: project.title.en,
                "STATE": lambda project: "ended" if project.ended else project.state,
                "MEMBERS": lambda project: members.get(project.slug, 0),
                "UNTIL": lambda project: project.ended or project.valid_until,
                "GID": lambda project: project.gid,
            },
            empty="There is no project yet. `hub-ext project add` adds one.",
        )


class Show(Command):
    """One project: members, approvals, what is granted to it, and its disk."""

    examples = "hub-ext project show onco"
    arguments = (PROJECT,)

    def run(self) -> None:
        """Show the record."""
        with self.site.store.reading() as tx:
            project = flows.project_named(tx, self.argument("project"))
            places = memberships.listing(tx, project=project.slug)
            allowed = approvals.listing(tx, project=project.slug)
            given = grants.listing(tx, project=project.slug)
            held = volumes.listing(tx, project=project.slug)
            names = {person.id: person.username for person in persons.listing(tx)}
        self.show_record(
            {
                "project": project,
                "memberships": places,
                "approvals": allowed,
                "grants": given,
                "volumes": held,
            },
            [
                *_pairs(project),
                *(
                    (
                        f"member {names[place.person_id]}",
                        [place.role, place.valid_from, place.ended or place.valid_until or "no end"],
                    )
                    for place in places
                ),
                *(
                    (
                        f"approval {known.reference}",
                        [known.valid_from, known.ended or known.valid_until, known.id],
                    )
                    for known in allowed
                ),
                *(
                    (
                        f"dataset {grant.dataset}",
                        [
                            "revoked" if grant.revoked else "granted",
                            grant.valid_from,
                            grant.revoked or grant.valid_until,
                        ],
                    )
                    for grant in given
                ),
                *((f"{volume.kind} {_owner(volume, names)}", _used(volume)) for volume in held),
            ],
        )


class Disk(Command):
    """What homes and project folders hold, beside their allowances.

    An allowance that is passed stops nothing: a full home still starts, and says so.
    """

    examples = """
        hub-ext project disk
        hub-ext project disk onco --measure
    """
    arguments = (Argument("project", "Slug of one project.", optional=True),)
    measure = Bool(False, help="Measure now; the engine walks every volume, minutes on slow disks.").tag(
        option=True
    )

    async def run(self) -> None:
        """Measure where asked to, and show the table."""
        found = disk.living(self.site, project=self.argument("project"))
        if self.measure and found:
            self.progress("the engine measures its volumes")
            found = await disk.measure(self.site, volume_ids={volume.id for volume in found})
        with self.site.store.reading() as tx:
            names = {person.id: person.username for person in persons.listing(tx)}
        self.show_table(
            found,
            {
                "PROJECT": lambda volume: volume.project,
                "VOLUME": lambda volume: volume.kind,
                "OF": lambda volume: _owner(volume, names),
                "USED": lambda volume: sizes.shown(volume.used_bytes),
                "ALLOWED": lambda volume: sizes.shown(volume.allowed_bytes or None),
                "": lambda volume: "almost full" if disk.almost_full(volume) else "",
                "MEASURED": lambda volume: volume.measured,
            },
            empty="There is no volume yet: the first server of each person makes them.",
        )


def _pairs(project: ProjectValue) -> Iterable[tuple[str, object]]:
    yield "project", project.slug
    yield "title", project.title.en
    yield "titre", project.title.fr
    yield "state", project.state
    yield "gid", project.gid
    yield "since", project.created
    yield "until", project.valid_until
    yield "ended", project.ended
    yield "retained until", project.retain_until
    yield "CPUs at most", project.ceilings.cpus
    yield "memory at most", sizes.shown(project.ceilings.mem_bytes)
    yield "GPUs at most", project.ceilings.gpus
    yield "idle at most, s", project.ceilings.idle_seconds


def _owner(volume: Volume, names: dict[str, str]) -> str:
    return names.get(volume.person_id or "", "all members")


def _used(volume: Volume) -> str:
    told = f"{sizes.shown(volume.used_bytes)} of {sizes.shown(volume.allowed_bytes or None)}"
    if volume.quarantined_why:
        return f"{told}, quarantined"
    return f"{told}, almost full" if disk.almost_full(volume) else told


class Project(Noun):
    """Projects, their members and approvals. A session belongs to exactly one project."""

    verbs = (
        ("add", Add, "add a project"),
        ("list", ListAll, "all projects"),
        ("show", Show, "one project with members, approvals, grants, disk"),
        ("change", Change, "change a title, state, ceiling, the last day"),
        ("member", Member, "who has a place in it: add, end"),
        ("approve", Approve, "write down an approval"),
        ("end-approval", EndApproval, "end an approval before its date"),
        ("disk", Disk, "what homes and project folders hold"),
        ("end", End, "end a project for good"),
    )
    examples = """
        hub-ext project list
        hub-ext project member add onco marie
    """
