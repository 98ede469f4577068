"""What a person could start now: the facts of the form, for policy to judge."""

from __future__ import annotations

from hub_ext.adapters.store import (
    Tx,
    approvals,
    blocks,
    gpus,
    grants,
    images,
    launches,
    leases,
    memberships,
    persons,
    projects,
    revisions,
    volumes,
)
from hub_ext.flows import queue
from hub_ext.flows.gpu_limits import standing
from hub_ext.flows.launch import facts as launch_facts
from hub_ext.flows.launch.facts import Looked
from hub_ext.flows.launch.threads import in_store
from hub_ext.flows.site import Site
from hub_ext.model import Project
from hub_ext.model.gpu_limits import LimitKind
from hub_ext.policy import choices as policy
from hub_ext.policy.catalogue import LAUNCHABLE
from hub_ext.policy.choices import Choices, FormFacts, FormProject


async def choices(site: Site, person_id: str, server_name: str, *, groups: frozenset[str] | None) -> Choices:
    """What the form offers, and why not the rest. Only `admit` decides."""

    def granted() -> frozenset[str]:
        with site.store.reading() as tx:
            own = {known.project for known in memberships.listing(tx, person_id=person_id)}
            return frozenset(given.dataset for slug in own for given in grants.listing(tx, project=slug))

    looked = await launch_facts.look(site, await in_store(granted))

    def read() -> Choices:
        with site.store.reading() as tx:
            form = _read(tx, site, person_id, groups, looked)
        return policy.choices(form, server_name)

    return await in_store(read)


def _read(tx: Tx, site: Site, person_id: str, groups: frozenset[str] | None, looked: Looked) -> FormFacts:
    node = site.settings.node
    own = memberships.listing(tx, person_id=person_id)
    slugs = sorted({membership.project for membership in own})
    known = [project for slug in slugs if (project := projects.find(tx, slug)) is not None]
    launched = revisions.launched(tx, states=LAUNCHABLE)
    return FormFacts(
        now=site.now(),
        person=persons.find(tx, person_id),
        memberships=own,
        projects=tuple(_project(tx, site, person_id, project, looked) for project in known),
        images=tuple((entry, launched.get(entry.slug)) for entry in images.listing(tx, states=LAUNCHABLE)),
        gpus=gpus.listing(tx, node=node),
        leases=leases.active(tx, node=node),
        active_launches=launches.listing(tx, person_id=person_id, active=True),
        sizes=site.settings.sizes,
        site_ceilings=site.settings.ceilings,
        disk=looked.disk,
        gpu_standing=standing(tx, site, LimitKind.PERSON, person_id),
        groups=groups,
        node=node,
        blocks=blocks.standing(tx, site.now()),
        line=queue.line(tx, site),
        may_wait=site.settings.queue_most > 0,
        one_project_at_a_time=site.settings.one_project_at_a_time,
    )


def _project(tx: Tx, site: Site, person_id: str, project: Project, looked: Looked) -> FormProject:
    home = volumes.find_home(tx, site.settings.node, project.slug, person_id)
    folder = volumes.find_project(tx, site.settings.node, project.slug)
    own = approvals.listing(tx, project=project.slug)
    given = sorted({grant.dataset for grant in grants.listing(tx, project=project.slug)})
    return FormProject(
        project,
        approvals=own,
        datasets=tuple(
            launch_facts.dataset(
                tx, slug, project.slug, person_id, approvals=own, looked=looked, now=site.now()
            )
            for slug in given
        ),
        home=home,
        project_folder=folder,
        exposed=launch_facts.exposed(tx, home, folder),
        gpu_standing=standing(tx, site, LimitKind.PROJECT, project.slug),
        quarantines=launch_facts.quarantined(tx, home, folder),
    )
