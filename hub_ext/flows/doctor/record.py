"""Registries, store, secrets, sign-in and the Hub's own roles."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from hub_ext.adapters import host
from hub_ext.adapters.store import audit
from hub_ext.errors import RegistryError
from hub_ext.flows.doctor.finding import Finding, fail, failed, ok, warn
from hub_ext.flows.site import Site
from hub_ext.phrase import Phrase

CERTIFICATE_DAYS = 14
_REGISTRY = "registry {alias}"


async def check_registries(site: Site) -> tuple[Finding, ...]:
    """Each registry answers over trusted TLS, takes our password, and its certificate lasts."""
    if not site.settings.registries:
        return (fail("registry", "none is configured", "Set c.HubExt.registries."),)
    return tuple([await _registry(site, known.alias) for known in site.settings.registries])


async def _registry(site: Site, alias: str) -> Finding:
    known = site.settings.registry(alias)
    assert known is not None
    try:
        async with site.registry(alias) as registry:
            await registry.ping()
        ends = await asyncio.to_thread(host.certificate_end, known.address, known.ca_file)
    except (RegistryError, host.HostError) as error:
        return failed(Phrase(_REGISTRY, alias=alias), error)
    left = ends - site.now()
    if left < timedelta(days=CERTIFICATE_DAYS):
        return warn(
            _REGISTRY,
            "its certificate ends on {ends}",
            "Renew it (`make run` does).",
            alias=alias,
            ends=ends.date(),
        )
    return ok(
        _REGISTRY,
        "{address} answers; certificate until {ends}",
        alias=alias,
        address=known.address,
        ends=ends.date(),
    )


async def check_store(site: Site) -> tuple[Finding, ...]:
    """The store can be read and its record was not edited."""

    def verify() -> Finding:
        with site.store.reading() as tx:
            found = audit.verify(tx)
        if found.ok:
            return ok("audit trail", "{count} events, unbroken", count=found.events)
        return fail(
            "audit trail",
            "event {number}: {why}",
            "Keep a copy of the store as it is, and compare it with the last export.",
            number=found.first_bad,
            why=found.why,
        )

    return (await asyncio.to_thread(verify),)


async def check_secrets(site: Site) -> tuple[Finding, ...]:
    """Files that hold secrets are their owner's alone."""
    settings = site.settings
    files = {
        *(known.auth_file for known in settings.registries if known.auth_file),
        *settings.secrets_dir.glob("*"),
        *settings.hub_dir.glob("*"),
        *settings.state_dir.glob("*.sqlite"),
        settings.demo_accounts_file,
    }
    bad = sorted(str(path) for path in files if host.open_to_others(path))
    if bad:
        return (
            fail(
                "secrets",
                "others may read {files}",
                "Run `chmod 600 {paths}`.",
                files=tuple(bad),
                paths=" ".join(bad),
            ),
        )
    return (ok("secrets", "each file its owner's alone"),)


async def check_sign_in(site: Site) -> tuple[Finding, ...]:
    """The embedded sign-in is for demonstrations."""
    if site.settings.sign_in == "demo":
        return (
            fail(
                "sign-in",
                "the embedded demo accounts are on; they are not for production",
                'Set c.HubExt.sign_in = "oauth" and c.CuratedOAuthenticator (docs/sign-in.md).',
            ),
        )
    if site.settings.demo_provider_file.exists():
        return (
            fail(
                "sign-in",
                "the demo's own provider keeps its passwords as they are; it is not for production",
                "Name your institution's provider in c.CuratedOAuthenticator (docs/sign-in.md).",
            ),
        )
    return (ok("sign-in", "{kind}", kind=site.settings.sign_in),)


async def check_admins(site: Site) -> tuple[Finding, ...]:
    """Nobody holds the Hub's admin role: it opens everybody's server and cannot be narrowed."""
    try:
        admins = await asyncio.to_thread(host.hub_admins, site.settings.hub_dir / "jupyterhub.sqlite")
    except host.HostError as error:
        return (warn("hub admins", "cannot be verified: {why}", "Start the Hub once.", why=error.fact),)
    if admins:
        return (
            fail(
                "hub admins",
                "{admins} can open everybody's server",
                "Take the admin role from them on the Hub's admin page; operators have a role of their own.",
                admins=admins,
            ),
        )
    return (ok("hub admins", "none"),)
