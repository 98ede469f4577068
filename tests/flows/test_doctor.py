"""The doctor on a real instance: what is well is "ok", and each fault is found and named."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub_ext.adapters.engine import ensure_firewall, remove_firewall
from hub_ext.adapters.store import audit
from hub_ext.flows.doctor import Finding, Health, engine, examine, record, software
from hub_ext.flows.site import Site, open_site, utc_now
from hub_ext.model import Actor, ActorKind, Verb
from hub_ext.settings import RegistrySettings, Settings


@pytest.fixture
def site(closed_network: Settings, registry: RegistrySettings, tmp_path: Path) -> Iterator[Site]:
    """A site with a store of its own on the run's engine, network and registry."""
    held = open_site(
        replace(closed_network, registries=(registry,), store_url=f"sqlite:///{tmp_path}/s.sqlite")
    )
    yield held
    held.close()


def with_settings(site: Site, **changes: object) -> Site:
    return Site(replace(site.settings, **changes), site.store, site.now)  # type: ignore[arg-type]


def only(findings: tuple[Finding, ...], check: str) -> Finding:
    return next(found for found in findings if found.check == check)


async def test_the_run_s_engine_network_and_firewall_are_well(site: Site):
    assert only(await engine.check(site), "engine").health is Health.OK
    assert only(await engine.check(site), "seccomp").health is Health.OK
    assert [found.health for found in await engine.check_network(site)] == [Health.OK, Health.OK]


async def test_missing_firewall_rules_are_a_failure(site: Site):
    remove_firewall(site.settings)
    try:
        found = only(await engine.check_network(site), "firewall")
    finally:
        ensure_firewall(site.settings)
    assert found.health is Health.FAIL
    assert found.advice


async def test_a_network_that_is_not_there_is_a_failure(site: Site):
    elsewhere = with_settings(site, instance="hxnowhere")
    try:
        assert only(await engine.check_network(elsewhere), "network").health is Health.FAIL
    finally:
        elsewhere.engine.close()


async def test_an_engine_that_is_not_there_is_a_finding_and_hides_no_other(site: Site, tmp_path: Path):
    down = with_settings(site, engine_url=f"unix://{tmp_path}/no.sock")
    try:
        findings = await examine(down)
    finally:
        down.engine.close()
    assert only(findings, "engine").health is Health.FAIL
    assert only(findings, "audit trail").health is Health.OK
    assert only(findings, "sign-in").health is Health.FAIL


async def test_the_registry_is_well_and_its_faults_are_told_apart(
    site: Site, registry: RegistrySettings, tmp_path: Path
):
    assert only(await record.check_registries(site), "registry local").health is Health.OK

    wrong = tmp_path / "auth.json"
    wrong.write_text('{"username": "nobody", "password": "wrong"}')
    wrong.chmod(0o600)
    denied = with_settings(site, registries=(replace(registry, auth_file=wrong),))
    told = {only(await record.check_registries(denied), "registry local").seen}

    untrusted = with_settings(site, registries=(replace(registry, ca_file=None),))
    told.add(only(await record.check_registries(untrusted), "registry local").seen)

    silent = with_settings(site, registries=(replace(registry, address="127.0.0.1:9"),))
    told.add(only(await record.check_registries(silent), "registry local").seen)
    assert len(told) == 3


async def test_a_certificate_that_ends_soon_is_a_warning(site: Site):
    later = Site(site.settings, site.store, lambda: utc_now() + timedelta(days=10_000))
    assert only(await record.check_registries(later), "registry local").health is Health.WARN


async def test_an_edited_record_is_a_failure(site: Site, tmp_path: Path):
    with site.store.transaction() as tx:
        for _ in range(3):
            audit.append(
                tx,
                time=datetime.now(UTC),
                actor=Actor(ActorKind.SERVICE, "test"),
                verb=Verb.RECONCILE_MENDED,
                subject="lau-1",
                facts={},
            )
    assert only(await record.check_store(site), "audit trail").health is Health.OK
    with sqlite3.connect(tmp_path / "s.sqlite") as stored:
        triggers = stored.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            stored.execute(f'DROP TRIGGER "{name}"')
        stored.execute("UPDATE audit SET subject = 'lau-2' WHERE sequence = 2")
    found = only(await record.check_store(site), "audit trail")
    assert found.health is Health.FAIL
    assert "2" in found.seen


async def test_a_secret_that_others_may_read_is_named(site: Site, tmp_path: Path):
    here = with_settings(site, state_dir=tmp_path, registries=())
    here.settings.secrets_dir.mkdir()
    secret = here.settings.secrets_dir / "proxy-token"
    secret.touch(0o600)
    assert only(await record.check_secrets(here), "secrets").health is Health.OK
    secret.chmod(0o644)
    found = only(await record.check_secrets(here), "secrets")
    assert found.health is Health.FAIL
    assert str(secret) in found.seen


async def test_demo_sign_in_is_a_failure_and_another_is_not(site: Site):
    assert only(await record.check_sign_in(site), "sign-in").health is Health.FAIL
    assert (
        only(await record.check_sign_in(with_settings(site, sign_in="oauth")), "sign-in").health is Health.OK
    )


async def test_the_demos_own_provider_is_a_failure(site: Site):
    oauth = with_settings(site, sign_in="oauth")
    oauth.settings.secrets_dir.mkdir(parents=True, exist_ok=True)
    oauth.settings.demo_provider_file.write_text("{}")
    assert only(await record.check_sign_in(oauth), "sign-in").health is Health.FAIL


@pytest.mark.parametrize(
    ("reserve", "health"), [(1, Health.OK), (2**62, Health.FAIL)], ids=["room", "below the reserve"]
)
async def test_room_on_the_disk(site: Site, reserve: int, health: Health):
    here = with_settings(site, disk_reserve_bytes=reserve)
    try:
        assert only(await engine.check_disk(here), "disk").health is health
    finally:
        here.engine.close()


async def test_software_below_a_floor_is_a_failure(site: Site, monkeypatch: pytest.MonkeyPatch):
    assert only(await software.check(site), "jupyterhub").health is Health.OK
    monkeypatch.setitem(software.PYTHON_FLOORS, "jupyterhub", ("99", "a test"))
    assert only(await software.check(site), "jupyterhub").health is Health.FAIL
