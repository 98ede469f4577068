"""What a launch reads is found by index, in a number of statements that no site's size changes."""

from __future__ import annotations

from hub_ext.adapters.store import (
    Store,
    Tx,
    approvals,
    audit,
    datasets,
    exposures,
    gpus,
    grants,
    images,
    launches,
    leases,
    memberships,
    persons,
    projects,
    revisions,
    versions,
    volumes,
)
from hub_ext.model import Verb
from tests.adapters.store.samples import ALICE, NOW, filled
from tests.support.statements import statements


def _read_as_a_launch_does(tx: Tx) -> None:
    persons.find_sign_in(tx, "https://idp", "s-2")
    persons.find_username(tx, "anne")
    projects.find(tx, "onco")
    memberships.listing(tx, person_id="per-2", project="onco")
    approvals.listing(tx, project="onco")
    images.find(tx, "python")
    revisions.find(tx, "python", 1)
    datasets.listing(tx, slugs=["mri", "ct"])
    versions.listing(tx, datasets=["mri", "ct"])
    versions.current(tx, "mri")
    grants.listing(tx, project="onco")
    grants.listing(tx, project="onco", dataset="mri")
    volumes.find_home(tx, "local", "onco", "per-2")
    volumes.find_project(tx, "local", "onco")
    exposures.listing(tx, volume_ids=["vol-1", "vol-2"])
    gpus.listing(tx, node="local")
    leases.active(tx, node="local")
    leases.active(tx, launch_id="lau-1")
    launches.listing(tx, person_id="per-2", active=True)
    launches.last_of(tx, "per-2", "")


def test_what_a_launch_reads_is_found_by_index(sqlite_store: Store) -> None:
    with filled(sqlite_store).reading() as tx:
        with statements(tx.connection) as seen:
            _read_as_a_launch_does(tx)
        assert len(seen) == 20
        for statement, parameters in seen:
            plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            scans = [row.detail for row in plan if row.detail.startswith("SCAN")]
            assert scans == [], statement


def test_an_event_costs_three_statements(sqlite_store: Store) -> None:
    with sqlite_store.transaction() as tx, statements(tx.connection) as seen:
        audit.append(tx, time=NOW, actor=ALICE, verb=Verb.GPU_FOUND, subject="gpu-1", facts={})
        # The head of the chain, the event, and what it is about.
        assert len(seen) == 3


def test_listings_by_launches_and_events_use_their_indexes(sqlite_store: Store) -> None:
    with filled(sqlite_store).reading() as tx:
        with statements(tx.connection) as seen:
            launches.listing(tx, active=True)
            launches.listing(tx, project="onco", limit=10)
            launches.listing(tx, limit=10)
            audit.listing(tx, subject="lau-1")
            audit.listing(tx, after_sequence=5, limit=10)
            audit.listing(tx, verb=Verb.LAUNCH_REFUSED)
        for statement, parameters in seen:
            plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps = [row.detail for row in plan if not row.detail.startswith("USE TEMP B-TREE")]
            assert all("INDEX" in step or "PRIMARY KEY" in step for step in steps), (statement, steps)
