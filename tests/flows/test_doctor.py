"""The doctor on a real instance: what is well is "ok", and each fault is found and named."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub_ext.adapters import files
from hub_ext.adapters.engine import ensure_firewall, remove_firewall
from hub_ext.adapters.gpu_inventory import Inventory, SeenGpu
from hub_ext.adapters.store import audit
from hub_ext.errors import EngineError
from hub_ext.flows import gpu, gpu_service
from hub_ext.flows.doctor import Finding, Health, door, engine, examine, gpus, record, software
from hub_ext.flows.doctor.finding import ok
from hub_ext.flows.site import Site, open_site, utc_now
from hub_ext.model import Actor, ActorKind, Gpu, GpuHealth, Verb
from hub_ext.settings import RegistrySettings, Settings
from tests.support.certificates import Authority

TESTER = Actor(ActorKind.HOST_USER, "tester")


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
    return next(found for found in findings if str(found.check) == check)


async def test_the_run_s_engine_network_and_firewall_are_well(site: Site):
    assert only(await engine.check(site), "engine").health is Health.OK
    assert only(await engine.check(site), "seccomp").health is Health.OK
    assert [found.health for found in await engine.check_network(site)] == [Health.OK, Health.OK]


@pytest.mark.parametrize(
    ("profile", "in_kernel", "health"),
    [
        ("docker-default (enforce)", True, Health.OK),
        ("unconfined", True, Health.WARN),
        ("", True, Health.WARN),
        ("", False, Health.OK),
    ],
)
def test_containers_without_the_kernel_s_apparmor(profile: str, in_kernel: bool, health: Health):
    assert engine._apparmor(profile, in_kernel).health is health


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
    assert "2" in str(found.seen)


async def test_a_secret_that_others_may_read_is_named(site: Site, tmp_path: Path):
    here = with_settings(site, state_dir=tmp_path, registries=())
    here.settings.secrets_dir.mkdir()
    secret = here.settings.secrets_dir / "proxy-token"
    secret.touch(0o600)
    assert only(await record.check_secrets(here), "secrets").health is Health.OK
    secret.chmod(0o644)
    found = only(await record.check_secrets(here), "secrets")
    assert found.health is Health.FAIL
    assert str(secret) in str(found.seen)


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


async def test_a_full_disk_of_the_state_is_a_failure_beside_an_engine_with_room(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    here = with_settings(site, disk_reserve_bytes=1)
    monkeypatch.setattr(files, "free_bytes", lambda folder: 0)
    try:
        found = only(await engine.check_disk(here), "disk")
    finally:
        here.engine.close()
    assert found.health is Health.FAIL
    assert str(here.settings.state_dir) in str(found.advice)


async def test_software_below_a_floor_is_a_failure(site: Site, monkeypatch: pytest.MonkeyPatch):
    assert only(await software.check(site), "jupyterhub").health is Health.OK
    monkeypatch.setitem(software.PYTHON_FLOORS, "jupyterhub", ("99", "a test"))
    assert only(await software.check(site), "jupyterhub").health is Health.FAIL


async def test_an_engine_of_our_own_has_a_version_and_an_age(site: Site, tmp_path: Path):
    folder = tmp_path / "unpacked/current"
    folder.mkdir(parents=True)
    (folder / "packages.tsv").write_text(
        "docker.io\t26.1.5+dfsg1-9\ttrixie\t2026-08-13\nrunc\t1.1.5+ds1-1\tbookworm\t2024-02-02\n"
    )
    (folder.parent / "looked").touch()
    own = with_settings(site, unpacked_dir=folder)
    recent = only(await software.check(own), "docker.io")
    assert recent.health is Health.OK
    assert "26.1.5+dfsg1-9 of Debian trixie" in str(recent.seen)
    assert "published on 2026-08-13" in str(recent.seen)
    # Mended by Debian without the floor's version: neither well nor a fault.
    assert only(await software.check(own), "runc").health is Health.WARN
    later = Site(own.settings, own.store, lambda: utc_now() + timedelta(days=8))
    forgotten = only(await software.check(later), "docker.io")
    assert forgotten.health is Health.WARN
    assert "deploy/bootstrap engine" in str(forgotten.advice)


# --- GPUs ------------------------------------------------------------------------------------------


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Site]:
    """A site without an engine whose GPUs are what the specs in `cdi` say."""
    (tmp_path / "state").mkdir()
    (tmp_path / "cdi").mkdir()
    held = open_site(Settings(tmp_path / "state", gpu_source="cdi", cdi_dirs=(tmp_path / "cdi",)))
    yield held
    held.close()


def attach(machine: Site, file: str, *names: str) -> Path:
    """A spec for these devices, and the folder of their nodes."""
    (folder,) = machine.settings.cdi_dirs
    for name in names:
        (folder.parent / name).touch()
    devices = [
        {
            "name": name,
            "containerEdits": {
                "deviceNodes": [{"path": f"/dev/{name}", "hostPath": str(folder.parent / name)}]
            },
        }
        for name in names
    ]
    spec = {"cdiVersion": "0.6.0", "kind": "hub-ext.test/gpu", "devices": devices}
    (folder / file).write_text(json.dumps(spec))
    return folder.parent


async def test_gpus_that_the_store_does_not_know_yet_are_told(machine: Site):
    assert await gpus.check(machine) == (ok("gpus", "none"),)
    attach(machine, "a.json", "g0", "g1")
    found = only(await gpus.check(machine), "gpus")
    assert (found.health, str(found.seen)) == (Health.WARN, "2 new or changed, 0 no longer there")
    await gpu.refresh(machine, TESTER)
    gpu_service.take_out(machine, TESTER, "hub-ext.test/gpu=g1", "a new fan")
    assert await gpus.check(machine) == (
        ok("gpus", "{known} known, {held} leased, {out} out of service", known=2, held=0, out=1),
    )


async def test_specs_that_do_not_match_the_devices_are_told(machine: Site):
    nodes = attach(machine, "a.json", "g0", "g1", "g2")
    await gpu.refresh(machine, TESTER)
    (nodes / "g0").unlink()
    attach(machine, "b.json", "g2")
    (machine.settings.cdi_dirs[0] / "c.yaml").write_text("{")
    found = only(await gpus.check(machine), "cdi specs")
    assert found.health is Health.WARN
    assert f"hub-ext.test/gpu=g0 names {nodes / 'g0'}, which is not there" in str(found.seen)
    assert "hub-ext.test/gpu=g2 is defined twice in one folder" in str(found.seen)
    assert "c.yaml cannot be read" in str(found.seen)
    assert "nvidia-ctk" in str(found.advice)
    assert "2 no longer there" in str(only(await gpus.check(machine), "gpus").seen)


@pytest.mark.parametrize(
    ("health", "words"),
    [
        (GpuHealth.HELD_OUTSIDE, "used by another program"),
        (GpuHealth.FAULTY, "its memory fails, as the driver says"),
        (GpuHealth.UNATTACHABLE, "no CDI spec attaches it"),
    ],
)
async def test_a_gpu_that_is_not_offered_is_told_until_it_is_out_of_service(
    machine: Site, health: GpuHealth, words: str, monkeypatch: pytest.MonkeyPatch
):
    seen = Gpu("GPU-1", "local", "nvidia.com/gpu=1", "H100", 0, machine.now(), health=health)
    holders = ("",) if health is GpuHealth.HELD_OUTSIDE else None
    seen = replace(seen, health=GpuHealth.OK) if holders else seen
    told = Inventory((SeenGpu(seen, holders),))
    monkeypatch.setattr(gpu.gpu_inventory, "inventory", lambda settings: told)
    await gpu.refresh(machine, TESTER)
    found = only(await gpus.check(machine), "gpus")
    assert (found.health, str(found.seen)) == (
        Health.WARN,
        f"nvidia.com/gpu=1: {words}",
    )
    assert found.advice
    gpu_service.take_out(machine, TESTER, "GPU-1", "seen")
    assert only(await gpus.check(machine), "gpus").health is Health.OK


async def test_a_driver_that_fails_is_a_finding(machine: Site, monkeypatch: pytest.MonkeyPatch):
    def fails(settings: Settings) -> Inventory:
        raise EngineError("The NVIDIA driver does not tell its GPUs.", advice="See what `nvidia-smi` says.")

    monkeypatch.setattr(gpu.gpu_inventory, "inventory", fails)
    found = only(await examine(machine), "gpus")
    assert (found.health, str(found.advice)) == (Health.FAIL, "See what `nvidia-smi` says.")


async def test_the_front_s_certificate_is_for_the_names_in_use_and_lasts(site: Site, tmp_path: Path):
    assert await door.check_certificate(site) == ()
    authority = Authority(tmp_path)
    names = ("hub.example", "*.nb.example")

    def with_certificate(hosts: tuple[str, ...] = names, days: float = 90, **more: Any) -> Site:
        certificate, key = authority.issue("hub", hosts=hosts, lasts=timedelta(days=days, hours=1))
        urls = {"public_url": "https://hub.example", "subdomain_host": "https://nb.example:8000"}
        return with_settings(site, ssl_cert=certificate, ssl_key=key, **urls | more)

    async def looked_at(there: Site) -> Finding:
        return only(await door.check_certificate(there), "certificate")

    good = await looked_at(with_certificate())
    assert good.health is Health.OK
    assert str(good.seen).endswith("days left: 90")
    soon = await looked_at(with_certificate(days=13))
    assert soon.health is Health.WARN
    assert str(soon.seen).endswith("days left: 13")
    other = await looked_at(with_certificate(hosts=("hub.example", "nb.example")))
    assert other.health is Health.FAIL
    assert str(other.seen).startswith("it is not for *.nb.example,")
    one_name = {"subdomain_host": "", "servers_url": "https://servers.example"}
    assert (await looked_at(with_certificate(**one_name))).health is Health.FAIL
    assert (
        await looked_at(with_certificate(("hub.example", "servers.example"), **one_name))
    ).health is Health.OK
    over = await looked_at(with_certificate(days=-1))
    assert over.health is Health.FAIL
    assert "ended on" in str(over.seen)
