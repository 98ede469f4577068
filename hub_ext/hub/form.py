"""The spawn form: what policy admits now, in the reader's language, with what they used last chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from hub_ext.adapters.store import versions
from hub_ext.errors import HubExtError
from hub_ext.expression import words
from hub_ext.flows import launch as flow
from hub_ext.flows.launch.threads import in_store
from hub_ext.flows.site import Site
from hub_ext.hub import options, pages
from hub_ext.hub.failures import sentence
from hub_ext.model import Launch, Person, Reason, ReasonCode, Refusal
from hub_ext.policy.choices import Choices, Closed, EnvironmentChoice, ProjectChoice

_TEMPLATE = pages.form_environment().get_template("options_form.html")
# What passes by itself, and is no reason to say that the last choice is gone.
_PASSING = frozenset(
    {
        ReasonCode.ALREADY_RUNNING,
        ReasonCode.OTHER_PROJECT_RUNNING,
        ReasonCode.GPUS_NONE_FREE,
        ReasonCode.GPUS_WAITED_FOR,
        ReasonCode.DISK_RESERVE,
        ReasonCode.DISK_UNKNOWN,
        ReasonCode.FOLDER_UNKNOWN,
        ReasonCode.TERMS_NOT_ACCEPTED,  # they stand beside the dataset
    }
)


DEPRECATED = "It will go away: move to another one."
GRANTED = "Granted until {day}."
GONE = "What you used last cannot be started any more:"


@dataclass(frozen=True, slots=True)
class Form:
    """What the template shows; every text in the reader's language and not yet escaped."""

    projects: list[dict[str, Any]] = field(default_factory=list)
    closed: list[dict[str, str]] = field(default_factory=list)
    environments: list[dict[str, Any]] = field(default_factory=list)
    datasets: list[dict[str, Any]] = field(default_factory=list)
    sizes: list[dict[str, Any]] = field(default_factory=list)
    gpus: list[int] = field(default_factory=list)
    gpus_later: bool = False
    ticked: str = options.TICKED
    chosen: Mapping[str, Any] = field(default_factory=dict)
    notice: Markup | str = ""
    nothing: Markup | str = ""


async def render(
    site: Site,
    person: Person | None,
    *,
    groups: frozenset[str] | None,
    server_name: str,
    wanted: Mapping[str, Any] | None,
    language: str,
) -> str:
    """The form as HTML. `wanted` are options that were asked for just now; None takes the last launch's.

    A store that fails gives a sentence instead of a form.
    """
    try:
        form = await _form(site, person, groups, server_name, wanted, language)
    except HubExtError as error:
        form = Form(nothing=sentence(error, language))
    return _TEMPLATE.render(form=form, form_language=language)


async def default_options(
    site: Site, person: Person, groups: frozenset[str] | None, server_name: str
) -> dict[str, Any]:
    """What to start for somebody who says nothing: what they used last where it still may, else the only one.

    {} where neither is there.
    """
    last = await flow.last_launch(site, person.id, server_name)
    if last is not None:
        used = await _options_of(site, last)
        reasons = await _reasons(site, person, groups, server_name, used)
        # New terms wait for the person: then the start is refused with just that.
        if all(reason.code is ReasonCode.TERMS_NOT_ACCEPTED for reason in reasons):
            return used
    offered = await flow.choices(site, person.id, server_name, groups=groups)
    if len(offered.projects) != 1 or len(offered.projects[0].environments) != 1:
        return {}
    project, environment = offered.projects[0], offered.projects[0].environments[0]
    if len(environment.sizes) != 1 or project.datasets or not environment.gpus:
        return {}
    return {
        "project": project.slug,
        "environment": environment.slug,
        "datasets": [],
        "size": environment.sizes[0].slug,
        "gpus": environment.gpus[0],
    }


async def _form(
    site: Site,
    person: Person | None,
    groups: frozenset[str] | None,
    server_name: str,
    wanted: Mapping[str, Any] | None,
    language: str,
) -> Form:
    if person is None:
        unknown = Refusal((Reason(ReasonCode.PERSON_UNKNOWN),))
        return Form(nothing=Markup(words.refusal_html(unknown, language, pages.zone(site))))  # noqa: S704
    offered = await flow.choices(site, person.id, server_name, groups=groups)
    last = await flow.last_launch(site, person.id, server_name)
    used = await _options_of(site, last) if last else {}
    notice: Markup | str = ""
    if wanted is None and used:
        gone = await _reasons(site, person, groups, server_name, used)
        if lasting := tuple(reason for reason in gone if reason.code not in _PASSING):
            head = pages.translated(GONE, language)
            reasons_html = words.refusal_html(Refusal(lasting), language, pages.zone(site))
            notice = Markup("<p>{}</p>{}").format(head, Markup(reasons_html))  # noqa: S704 - escaped by words
    return _offer(site, offered, wanted if wanted is not None else used, notice, language)


def _offer(
    site: Site, offered: Choices, wanted: Mapping[str, Any], notice: Markup | str, language: str
) -> Form:
    projects = offered.projects
    why = (*offered.reasons, *(reason for closed in offered.closed_projects for reason in closed.reasons))
    reasons_html = words.refusal_html(Refusal(why), language, pages.zone(site)) if why else ""
    return Form(
        projects=[{"slug": project.slug, "title": project.title.text(language)} for project in projects],
        closed=[_closed(site, project, language) for project in offered.closed_projects],
        environments=_environments(projects, language),
        datasets=_datasets(site, projects, language),
        sizes=_sizes(site, projects, language),
        gpus=sorted(
            {
                count
                for project in projects
                for environment in project.environments
                for count in (*environment.gpus, *environment.gpus_later)
            }
        ),
        gpus_later=any(
            environment.gpus_later for project in projects for environment in project.environments
        ),
        chosen=_chosen(projects, wanted),
        notice=notice,
        nothing=Markup(reasons_html),  # noqa: S704 - escaped by words
    )


def _closed(site: Site, closed: Closed, language: str) -> dict[str, str]:
    facts = [words.sentence(reason, language, pages.zone(site)).fact for reason in closed.reasons]
    return {"slug": closed.slug, "title": closed.title.text(language), "why": " ".join(facts)}


def _environments(projects: tuple[ProjectChoice, ...], language: str) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for project in projects:
        for environment in project.environments:
            shown = found.setdefault(
                environment.slug,
                {
                    "slug": environment.slug,
                    "title": environment.title.text(language),
                    "description": environment.description.text(language),
                    "hint": pages.translated(DEPRECATED, language) if environment.deprecated else "",
                    "projects": [],
                    "gpus": {},
                },
            )
            shown["projects"].append(project.slug)
            shown["gpus"][project.slug] = {"now": environment.gpus, "later": environment.gpus_later}
    return list(found.values())


def _datasets(site: Site, projects: tuple[ProjectChoice, ...], language: str) -> list[dict[str, Any]]:
    """One line per project and dataset: rights to the same dataset end at different times."""
    granted = pages.translated(GRANTED, language)
    opened = [
        {
            "slug": dataset.slug,
            "project": project.slug,
            "title": dataset.title.text(language),
            "description": dataset.description.text(language),
            "hint": granted.format(day=words.last_day(dataset.until, language, pages.zone(site))),
            "why": "",
            "apart": list(dataset.excludes),
            "terms": dataset.terms.text.text(language) if dataset.terms else "",
            "terms_number": dataset.terms.number if dataset.terms else 0,
        }
        for project in projects
        for dataset in project.datasets
    ]
    closed = [
        {
            **_closed(site, dataset, language),
            "project": project.slug,
            "description": "",
            "hint": "",
            "apart": [],
            "terms": "",
            "terms_number": 0,
        }
        for project in projects
        for dataset in project.closed_datasets
    ]
    return [*opened, *closed]


def _sizes(site: Site, projects: tuple[ProjectChoice, ...], language: str) -> list[dict[str, Any]]:
    fits: dict[str, list[str]] = {}
    for project in projects:
        for environment in project.environments:
            for size in environment.sizes:
                fits.setdefault(size.slug, []).append(f"{project.slug}/{environment.slug}")
    return [
        {"slug": size.slug, "title": size.title.text(language), "fits": fits[size.slug]}
        for size in site.settings.sizes
        if size.slug in fits
    ]


def _chosen(projects: tuple[ProjectChoice, ...], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What is ticked at first: of what is wanted, whatever may be had."""
    if not projects:
        return {}
    project = next((each for each in projects if each.slug == wanted.get("project")), projects[0])
    environment = next(
        (each for each in project.environments if each.slug == wanted.get("environment")),
        project.environments[0],
    )
    slugs = {dataset.slug for dataset in project.datasets}
    ticked = wanted.get("datasets") if project.slug == wanted.get("project") else ()
    size, gpus = wanted.get("size"), wanted.get("gpus")
    return {
        "project": project.slug,
        "environment": environment.slug,
        "datasets": [slug for slug in ticked if slug in slugs] if isinstance(ticked, list) else [],
        "size": next((each.slug for each in environment.sizes if each.slug == size), ""),
        "gpus": gpus if gpus in environment.gpus + environment.gpus_later else _fewest(environment),
        "wait": wanted.get("wait") is True,
        "terms": wanted.get("terms") if isinstance(wanted.get("terms"), dict) else {},
    }


def _fewest(environment: EnvironmentChoice) -> int:
    return (environment.gpus or environment.gpus_later)[0]


async def _options_of(site: Site, launch: Launch) -> dict[str, Any]:
    """The options with which that launch was asked for."""

    def read() -> list[str]:
        with site.store.reading() as tx:
            return [version.dataset for version in versions.listing(tx, ids=launch.version_ids)]

    mounted = await in_store(read) if launch.version_ids else []
    return {
        "project": launch.project,
        "environment": launch.image,
        "datasets": mounted,
        "size": launch.size,
        "gpus": launch.gpus,
    }


async def _reasons(
    site: Site, person: Person, groups: frozenset[str] | None, server_name: str, choice: Mapping[str, Any]
) -> tuple[Reason, ...]:
    """Why these options would be refused now; empty where they would not."""
    request = options.parse(dict(choice), launch_id="", person_id=person.id, server_name=server_name)
    if isinstance(request, Refusal):
        return request.reasons
    decision = await flow.consider(site, request, groups=groups)
    return decision.reasons if isinstance(decision, Refusal) else ()
