"""The door before the servers: the gate answers, and browsers find servers at origins of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

from hub_ext.adapters import gate, server_certificate
from hub_ext.errors import SettingsError
from hub_ext.flows.doctor.finding import Finding, fail, failed, ok, warn
from hub_ext.flows.site import Site
from hub_ext.phrase import Phrase
from hub_ext.settings import Settings

CERTIFICATE_DAYS = 14


async def check_gate(site: Site) -> tuple[Finding, ...]:
    """Whether the gate answers: without it nobody enters a server."""
    if await asyncio.to_thread(gate.alive, site.settings):
        return (ok("gate", "it answers"),)
    return (
        fail(
            "gate",
            "it does not answer, so nobody enters a server",
            "Start hub-ext again; the reason stands in logs/gate.log of the state.",
        ),
    )


async def check_origins(site: Site) -> tuple[Finding, ...]:
    """Whether the pages of servers are apart from the Hub's, and those of projects from each other."""
    settings = site.settings
    if settings.subdomain_host:
        return (ok("origins", "each person and project has one below {url}", url=settings.subdomain_host),)
    if settings.servers_url:
        return (
            warn(
                "origins",
                "all servers share {url}: a person has servers of one project at a time, and a page that "
                "stays open when its server has stopped can read the pages of the next",
                "Set c.HubExt.subdomain_host, where a wildcard name can be had.",
                url=settings.servers_url,
            ),
        )
    return (
        fail(
            "origins",
            "servers have the Hub's own: a page of one can act in the Hub with its reader's rights",
            "Set c.HubExt.public_url and c.HubExt.subdomain_host, as docs/operate.md says.",
        ),
    )


async def check_certificate(site: Site) -> tuple[Finding, ...]:
    """Whether the front's certificate can be used, is for the names that browsers ask for, and lasts."""
    settings = site.settings
    if settings.ssl_cert is None or settings.ssl_key is None:
        return ()
    now = site.now()
    try:
        certificate = await asyncio.to_thread(
            server_certificate.read, settings.ssl_cert, settings.ssl_key, now
        )
    except SettingsError as error:
        return (failed(Phrase("certificate"), error),)
    if missing := tuple(name for name in _names(settings) if not certificate.covers(name)):
        return (
            fail(
                "certificate",
                "it is not for {names}, so browsers warn everybody",
                "Have one issued that names them all.",
                names=missing,
            ),
        )
    ends, days = certificate.ends.date(), (certificate.ends - now).days
    if days < CERTIFICATE_DAYS:
        return (
            warn(
                "certificate",
                "it ends on {ends}, days left: {days}",
                "Renew it: the front takes it from its files within a minute.",
                ends=ends,
                days=days,
            ),
        )
    return (ok("certificate", "until {ends}, days left: {days}", ends=ends, days=days),)


def _names(settings: Settings) -> Iterator[str]:
    """Hosts of the Hub and of servers in browsers: "*.HOST" where servers have names of their own."""
    if settings.public_url:
        yield urlsplit(settings.public_url).hostname or ""
    if settings.subdomain_host:
        yield f"*.{urlsplit(settings.subdomain_host).hostname}"
    elif settings.servers_url:
        yield urlsplit(settings.servers_url).hostname or ""
