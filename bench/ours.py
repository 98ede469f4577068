"""Our Hub with its services, as `make run` starts it, for many people of one project."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.house import STUBS, House
from bench.instance import PASSWORD, Instance
from bench.processes import children_of
from hub_ext.adapters import demo_accounts
from hub_ext.adapters.store import images, launches, memberships, persons, revisions
from hub_ext.cli.setup import settings_file
from hub_ext.cli.setup.instance import Prepared
from hub_ext.cli.setup.serving import Serving
from hub_ext.cli.setup.steps import Say
from hub_ext.config import load_settings
from hub_ext.flows.launch.end import container_name
from hub_ext.flows.site import Site, open_site
from hub_ext.model import (
    ImageEntry,
    ImageRevision,
    ImageState,
    Localised,
    MemberRole,
    Membership,
    Person,
)
from tests.support import scenario as scenarios
from tests.support.ports import free_port

PROJECT, DATASET, SIZE = "onco", "mri", "m"
_FIRST_UID = 30_000


class Ours(Instance):
    """The instance with its site, for measures that look into the store."""

    site: Site


@contextmanager
def running(house: House, people: list[str], say: Say) -> Iterator[Ours]:
    """The Hub, front and gate, and its services; stopped at the end. Everybody may start everything."""
    layout = house.layout
    engine_url, notes = house.wire("ours")
    data = layout.state / "datasets"
    data.mkdir()
    traits = settings_file.values(
        layout,
        house.chosen,
        engine_url=engine_url,
        registries=[house.registry, house.scratch.slow],
        bind_url=f"http://127.0.0.1:{free_port()}",
        seed_image=house.reference("base"),
    )
    # All else is as a site has it by default, but that the slow pulls are left for their measure.
    traits |= {"dataset_roots": [str(data)], "disk_reserve_bytes": 0, "prepull": False}
    settings = load_settings(str(settings_file.write(layout, traits)))
    # As cheap to check as the stock Hub's: signing in is not what is measured.
    rounds, demo_accounts.ROUNDS = demo_accounts.ROUNDS, 4
    demo_accounts.write(settings.demo_accounts_file, dict.fromkeys(people, PASSWORD))
    demo_accounts.ROUNDS = rounds
    direct = open_site(replace(settings, engine_url=house.docker.url))
    try:
        asyncio.run(_fill(direct, house, data, people))
        serving = Serving(Prepared(layout, settings, house.docker), say)
        try:
            serving.start()
            made = Ours(
                "ours",
                serving.url,
                lambda: _processes(serving),
                _options,
                lambda user: _container(direct, user),
                notes,
            )
            made.site = direct
            yield made
        finally:
            serving.stop()
    finally:
        direct.store.close()


def _options(image: str) -> dict[str, Any]:
    return {"project": PROJECT, "environment": image, "datasets": [DATASET], "size": SIZE, "gpus": 0}


def _container(site: Site, user: str) -> str:
    with site.store.reading() as tx:
        person = persons.find_sign_in(tx, "demo", user)
        launch = launches.last_of(tx, person.id, "") if person else None
    return container_name(site, launch.id) if launch else ""


def _processes(serving: Serving) -> dict[str, int]:
    assert serving.hub is not None
    assert serving.gate is not None
    assert serving.front is not None
    front = serving.front.process.pid
    found = {"hub": serving.hub.process.pid, "gate": serving.gate.process.pid, "front": front}
    # nginx's master is the one child of the front's process, and its workers are the master's.
    masters = [pid for pid, _ in children_of(front)]
    workers = [pid for master in masters for pid, _ in children_of(master)]
    found |= {f"front-{number}": pid for number, pid in enumerate([*masters, *workers])}
    for pid, words in children_of(found["hub"]):
        for word in words:
            if word.startswith("hub_ext.services."):
                found[word.rpartition(".")[2]] = pid
    return found


async def _fill(site: Site, house: House, data: Path, people: list[str]) -> None:
    await scenarios.build(site, data, {name: house.stubs[name] for name in STUBS})
    await asyncio.to_thread(_people_and_images, site, house, people)
    site.engine.close()


def _people_and_images(site: Site, house: House, people: list[str]) -> None:
    now = site.now()
    text = Localised("What is measured", "Ce qui est mesuré")
    with site.store.transaction() as tx:
        for number, name in enumerate(people):
            person = Person(f"per-bench-{number}", "demo", name, name, name, _FIRST_UID + number, now)
            persons.add(tx, person)
            place = (f"mem-bench-{number}", person.id, PROJECT)
            memberships.add(tx, Membership(*place, MemberRole.MEMBER, now, now))
        for slug in ("python", "r"):
            built = house.built[slug]
            entry = ImageEntry(
                slug,
                text,
                text,
                built.reference.alias,
                built.reference.path,
                built.tag,
                now,
                ImageState.PUBLISHED,
                revision=1,
                start_url=built.recipe.start_url,
            )
            images.add(tx, entry)
            revisions.add(tx, ImageRevision(slug, 1, built.reference.digest, now, "bench", now))
        for number, digest in enumerate(house.scratch.images):
            slug, path = f"slow-{number}", f"slow/image-{number}"
            images.add(tx, replace(entry, slug=slug, alias=house.scratch.slow.alias, path=path))
            revisions.add(tx, ImageRevision(slug, 1, digest, now, "bench", now))
