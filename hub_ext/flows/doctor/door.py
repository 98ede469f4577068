"""The door before the servers: the gate answers, and browsers find servers at origins of their own."""

from __future__ import annotations

import asyncio

from hub_ext.adapters import gate
from hub_ext.flows.doctor.finding import Finding, fail, ok, warn
from hub_ext.flows.site import Site


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
