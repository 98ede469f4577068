"""A name erased everywhere that the console reaches: the Hub forgets its user first, then the store the name.

In this order nothing is half done for good: where the Hub does not answer nothing is erased, and what it has
forgotten already it is asked to forget again.
"""

from __future__ import annotations

import asyncio

from hub_ext.flows.erase import erase_person, to_forget
from hub_ext.flows.site import Site
from hub_ext.model import Actor, Person
from hub_ext.services.console.live import hub


async def erase(site: Site, actor: Actor, person_id: str, why: str) -> Person:
    """The person without a name. Raises HubApiError, with nothing erased, and what `erase_person` raises."""
    username = await asyncio.to_thread(to_forget, site, person_id, why)
    if username:
        async with hub() as answering:
            await answering.forget_user(username)
    return await asyncio.to_thread(erase_person, site, actor, person_id, why)
