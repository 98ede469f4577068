"""`hub-ext person`: people who sign in."""

from __future__ import annotations

from datetime import datetime

from traitlets import Bool, Enum, List, Unicode

from hub_ext.adapters.store import memberships, persons
from hub_ext.cli.app import Argument, Command, Noun, UsageError
from hub_ext.flows import people
from hub_ext.flows.erase import erase_person
from hub_ext.flows.look_up import person_ever_named
from hub_ext.model import Person as PersonValue
from hub_ext.model import PersonKind, SiteRole

KINDS = [kind.value for kind in PersonKind]
ROLES = [role.value for role in SiteRole]
USERNAME = Argument("username", "The person's username, or id.")


class _About(Command):
    """The options that say something about a person, shared by `add` and `change`."""

    display_name = Unicode(None, allow_none=True, help="Name that pages show.").tag(
        option="--name", metavar="NAME"
    )
    email = Unicode(None, allow_none=True, help="E-mail address.").tag(option=True, metavar="ADDRESS")
    language = Enum(list(people.LANGUAGES), None, allow_none=True, help="Language of pages.").tag(option=True)
    kind = Enum(KINDS, None, allow_none=True, help="What this person is to the site.").tag(option=True)
    roles = List(Unicode(), help=f"What they may do on the site: {', '.join(ROLES)}.").tag(
        option="--role", metavar="ROLE"
    )
    sponsor = Unicode(None, allow_none=True, help="Username of who answers for a guest.").tag(
        option=True, metavar="USERNAME"
    )
    until = Unicode(None, allow_none=True, help="Last day on which they may start anything.").tag(
        option=True, metavar="DAY"
    )

    def about(self) -> people.PersonChanges:
        """What was typed, parsed. Raises UsageError and InputError."""
        typed = people.PersonChanges()
        if self.display_name is not None:
            typed["display_name"] = self.display_name
        if self.email is not None:
            typed["email"] = self.email
        if self.language is not None:
            typed["language"] = self.language
        if self.kind is not None:
            typed["kind"] = PersonKind(self.kind)
        if self.roles:
            typed["roles"] = parse_roles(self.roles, self.typed)
        if self.sponsor is not None:
            typed["sponsor_id"] = self.person(self.sponsor).id
        if self.until is not None:
            typed["valid_until"] = self.end(self.until)
        return typed

    def person(self, text: str) -> PersonValue:
        """The person with that username or id. Raises InputError."""
        with self.site.store.reading() as tx:
            return people.person_named(tx, text)


def parse_roles(typed: list[str], command: str) -> tuple[SiteRole, ...]:
    """The roles with these names. Raises UsageError."""
    if unknown := sorted(set(typed) - set(ROLES)):
        raise UsageError(f"There is no role {unknown[0]!r}; there are: {', '.join(ROLES)}.", command)
    return tuple(SiteRole(role) for role in typed)


class Add(_About):
    """Add somebody before their first sign-in.

    A person is known by the sign-in's issuer and subject, never by the username: whoever gets that
    username later is another person, and inherits nothing. With sign_in = "demo" both are filled in.
    """

    examples = """
        hub-ext person add marie --name "Marie Curie" --language fr
        hub-ext person add guest7 --kind guest --sponsor marie --until 2026-12-31
        hub-ext person add lise --issuer https://id.example --subject 4f7a21 --role steward
    """
    arguments = (Argument("username", "Username in the Hub: lower case."),)
    issuer = Unicode("", help="The sign-in provider's issuer identifier.").tag(option=True, metavar="URL")
    subject = Unicode("", help="What the provider calls this person, for ever.").tag(option=True)

    def run(self) -> None:
        """Add the person."""
        username = self.argument("username")
        demo = self.settings.sign_in == "demo" and not self.issuer
        if not demo and not (self.issuer and self.subject):
            raise UsageError("--issuer and --subject are needed: people are known by them.", self.typed)
        about = self.about()
        about["username"] = username
        person = people.add_person(
            self.site,
            self.actor,
            issuer="demo" if demo else self.issuer,
            subject=self.subject or username,
            **about,
        )
        self.done(
            person,
            f"{person.username} is {person.id}, uid {person.uid}. "
            f"Next: `hub-ext project member add PROJECT {person.username}`.",
        )


class Change(_About):
    """Change what is known of somebody. What is not typed stays; --role replaces all former roles."""

    examples = """
        hub-ext person change marie --role steward --role auditor
        hub-ext person change marie --no-roles
        hub-ext person change guest7 --until 2027-06-30
    """
    arguments = (USERNAME,)
    username = Unicode(None, allow_none=True, help="Another username in the Hub.").tag(
        option="--username", metavar="NEW"
    )
    no_roles = Bool(False, help="Take all roles away.").tag(option=True)
    no_end = Bool(False, help="Without a last day.").tag(option=True)

    def run(self) -> None:
        """Change the person."""
        about = self.about()
        if self.username is not None:
            about["username"] = self.username
        if self.no_roles:
            about["roles"] = ()
        if self.no_end:
            about["valid_until"] = None
        person = people.change_person(
            self.site, self.actor, self.person(self.argument("username")).id, **about
        )
        self.done(person, f"{person.username} is changed.")


class End(Command):
    """End somebody: no more sign-in, and running servers stop within a minute.

    Never undone, and their subject is never reused. For a leave, use `person change --until`. Homes stay;
    the record goes on naming the id.
    """

    examples = 'hub-ext person end marie --why "left the hospital"'
    arguments = (USERNAME,)
    why = Unicode("", help="Reason, for the record; name nobody in it.").tag(
        option=True, required=True, metavar="TEXT"
    )

    def run(self) -> None:
        """End the person."""
        with self.site.store.reading() as tx:
            person = people.person_named(tx, self.argument("username"))
        ended = people.end_person(self.site, self.actor, person.id, self.why)
        self.done(ended, f"{ended.username} is ended.")


class Erase(Command):
    """Erase the name of somebody who was ended: username, name, address and subject. Never undone.

    The record names the id only, and verifies as before. Homes stay. The Hub keeps the username in a database
    of its own, which this command does not reach: the console's page of the person, which does the same, has
    it forgotten there too. Logs and older backups know the name.
    """

    examples = 'hub-ext person erase marie --why "asked for it on 2027-01-12"'
    arguments = (USERNAME,)
    why = Unicode("", help="Reason, for the record; name nobody in it.").tag(
        option=True, required=True, metavar="TEXT"
    )

    def run(self) -> None:
        """Erase the name."""
        with self.site.store.reading() as tx:
            person = person_ever_named(tx, self.argument("username"))
        erased = erase_person(self.site, self.actor, person.id, self.why)
        self.done(
            erased,
            f"{erased.id} has no name any more. The Hub's own database still has the username: "
            "delete its user there.",
        )


class ListAll(Command):
    """Everybody, and until when they may start anything."""

    examples = "hub-ext person list --all"
    all = Bool(False, help="Ended people too.").tag(option=True)

    def run(self) -> None:
        """Show the table."""
        with self.site.store.reading() as tx:
            found = persons.listing(tx)
        self.show_table(
            [person for person in found if self.all or not person.ended],
            {
                "USERNAME": lambda person: person.username,
                "NAME": lambda person: person.display_name,
                "KIND": lambda person: person.kind,
                "ROLES": lambda person: person.roles,
                "UNTIL": lambda person: _earliest(person),
                "UID": lambda person: person.uid,
                "ID": lambda person: person.id,
            },
            empty="Nobody is known yet. `hub-ext person add` adds somebody.",
        )


class Show(Command):
    """One person, and the projects in which they have a place."""

    examples = "hub-ext person show marie"
    arguments = (USERNAME,)

    def run(self) -> None:
        """Show the record."""
        with self.site.store.reading() as tx:
            person = people.person_named(tx, self.argument("username"))
            places = memberships.listing(tx, person_id=person.id)
            sponsor = persons.get(tx, person.sponsor_id) if person.sponsor_id else None
        self.show_record(
            {"person": person, "memberships": places},
            [
                ("username", person.username),
                ("name", person.display_name),
                ("e-mail", person.email),
                ("id", person.id),
                ("issuer", person.issuer),
                ("subject", person.subject),
                ("uid", person.uid),
                ("kind", person.kind),
                ("language", person.language),
                ("roles", person.roles),
                ("sponsor", sponsor.username if sponsor else None),
                ("since", person.created),
                ("until", person.valid_until),
                ("ended", person.ended),
                *(
                    (
                        f"in {place.project}",
                        [place.role, place.valid_from, place.ended or place.valid_until or "no end"],
                    )
                    for place in places
                ),
            ],
        )


def _earliest(person: PersonValue) -> datetime | None:
    return min((end for end in (person.ended, person.valid_until) if end), default=None)


class Person(Noun):
    """People who sign in. They get nothing by signing in: rights come from projects."""

    verbs = (
        ("add", Add, "add somebody before their first sign-in"),
        ("list", ListAll, "everybody"),
        ("show", Show, "one person and their projects"),
        ("change", Change, "change a name, roles, the last day"),
        ("end", End, "end somebody for good"),
        ("erase", Erase, "erase the name of somebody who was ended"),
    )
    examples = """
        hub-ext person list
        hub-ext person add marie --name "Marie Curie"
    """
