"""Folders that are being read to become versions of datasets: it takes as long as the disk does.

Kept in memory: after a restart of the console, whoever began it begins again.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from hub_ext.errors import HubExtError
from hub_ext.flows.dataset_versions import register_version
from hub_ext.flows.site import Site
from hub_ext.model import Actor

log = logging.getLogger(__name__)


@dataclass
class Read:
    """One folder: how far it is, in bytes, and why it failed. `over` once it is neither."""

    folder: str
    done: int = 0
    total: int = 0
    failure: HubExtError | None = None
    over: bool = False


class Reads:
    """At most one for a dataset."""

    def __init__(self) -> None:
        self._held: dict[str, Read] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, slug: str) -> Read | None:
        """The last one for that dataset, if it is not over, or failed."""
        found = self._held.get(slug)
        return None if found is None or (found.over and found.failure is None) else found

    def begin(self, site: Site, actor: Actor, slug: str, folder: str) -> Read:
        """Starts reading; the one under way where there is one."""
        known = self._held.get(slug)
        if known is not None and not known.over:
            return known
        made = self._held[slug] = Read(folder)
        task = asyncio.create_task(self._read(site, actor, slug, made))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return made

    async def _read(self, site: Site, actor: Actor, slug: str, held: Read) -> None:
        def tell(done: int, total: int) -> None:
            held.done, held.total = done, total

        try:
            await register_version(site, actor, slug, Path(held.folder), progress=tell)
        except HubExtError as error:
            held.failure = error
        except Exception:
            log.exception("reading a folder failed")
            held.failure = HubExtError("Something of ours failed; the console's log says what.")
        finally:
            held.over = True


READS = Reads()
