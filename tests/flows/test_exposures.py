"""Where copies of a dataset may be, by version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hub_ext.adapters.store import exposures, launches, volumes
from hub_ext.errors import InputError
from hub_ext.flows.exposures import exposed
from hub_ext.flows.site import Site
from hub_ext.model import Exposure, Launch, LaunchState, Person, Volume, VolumeKind
from tests.flows.conftest import Clock
from tests.flows.test_grant_ends import ada, run

__all__ = ["ada", "run"]  # fixtures


def test_each_version_tells_its_sessions_and_volumes(
    site: Site, ada: Person, run: Callable[..., Launch], clock: Clock
) -> None:
    had = run("ver-mri", "ver-ct", container_id="0f", state=LaunchState.ENDED)
    clock.forward(hours=1)
    has = run("ver-mri", container_id="1f")
    run("ver-mri", state=LaunchState.FAILED)  # never had a container
    run("ver-ct", container_id="2f")
    home = Volume("vol-1", "v1", VolumeKind.HOME, "local", "onco", clock(), person_id=ada.id)
    folder = Volume("vol-2", "v2", VolumeKind.PROJECT, "local", "onco", clock(), ended=clock())
    with site.store.transaction() as tx:
        for volume in (home, folder, replace(home, id="vol-3", name="v3", ended=clock())):
            volumes.add(tx, volume)
        exposures.add(tx, Exposure("vol-1", "ver-mri", "mri", clock(), had.id))
        exposures.add(tx, Exposure("vol-2", "ver-mri", "mri", clock.later(hours=1), had.id))
        exposures.add(tx, Exposure("vol-3", "ver-ct", "ct", clock(), had.id))
    (found,) = exposed(site, "mri")
    assert (found.version.id, found.sessions, found.running) == ("ver-mri", (has, had), (has,))
    assert [(one.volume, one.exposure.launch_id) for one in found.volumes] == [
        (home, had.id),
        (folder, had.id),
    ]
    assert exposed(site, "mri", 1) == (found,)
    assert exposed(site, "mri", 2) == ()
    clock.forward(hours=1)
    run("ver-mri", state=LaunchState.FAILED)  # newer, and no session all the same
    (found,) = exposed(site, "mri", most=1)
    assert found.sessions == (has,)


def test_an_unknown_dataset_is_said(site: Site) -> None:
    with pytest.raises(InputError, match="no dataset"):
        exposed(site, "pet")


def test_an_id_is_no_pattern(site: Site, run: Callable[..., Launch]) -> None:
    run("ver-mri")
    with site.store.reading() as tx:
        assert launches.listing(tx, version_id="ver-%") == launches.listing(tx, version_id="ver-m") == ()
