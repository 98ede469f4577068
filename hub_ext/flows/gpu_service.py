"""What operators decide of a GPU: out of service and back, and how many launches may share it."""

from __future__ import annotations

from dataclasses import replace

from hub_ext.adapters.store import Tx, gpus
from hub_ext.errors import InputError, NotFound
from hub_ext.flows import checks
from hub_ext.flows.site import Site
from hub_ext.model import Actor, Gpu, GpuHealth, Verb
from hub_ext.phrase import Phrase
from hub_ext.settings import MOST_GPU_SHARES


def take_out(site: Site, actor: Actor, gpu: str, why: str) -> Gpu:
    """Offers a GPU to no new launch; what runs on it goes on. `gpu` is its id or its CDI name.

    A reason that stands is replaced. Raises NotFound, and InputError where the reason is empty.
    """
    why = checks.line(why, Phrase("reason"), most=2000, required=True)
    with site.store.transaction() as tx:
        known = _named(tx, site, gpu)
        out = replace(known, out_since=known.out_since or site.now(), out_why=why)
        if out != known:
            gpus.replace(tx, out)
            site.record(tx, actor, Verb.GPU_TAKEN_OUT, known.id, {"device": known.device, "why": why})
        return out


def put_back(site: Site, actor: Actor, gpu: str) -> Gpu:
    """Offers it again, as far as it works. One that is in service is left alone. Raises NotFound."""
    with site.store.transaction() as tx:
        known = _named(tx, site, gpu)
        if known.out_since is None:
            return known
        back = replace(known, out_since=None, out_why="")
        gpus.replace(tx, back)
        site.record(tx, actor, Verb.GPU_PUT_BACK, known.id, {"device": known.device})
        return back


def share(site: Site, actor: Actor, gpu: str, number: int | None) -> Gpu:
    """Lets that many launches share it, 1 for one alone; None: as many as the site's settings say.

    Leases beyond the number go on until they end. Raises NotFound, InputError.
    """
    if number is not None and not 1 <= number <= MOST_GPU_SHARES:
        raise InputError(
            "A GPU cannot have {number} shares.",
            advice="Say 1 to {most}; 1 is one launch.",
            number=number,
            most=MOST_GPU_SHARES,
        )
    with site.store.transaction() as tx:
        known = _named(tx, site, gpu)
        shared = replace(known, own_shares=number, shares=number or site.settings.gpu_shares)
        if shared != known:
            gpus.replace(tx, shared)
            facts = {"device": known.device, "before": known.shares, "after": shared.shares, "own": number}
            site.record(tx, actor, Verb.GPU_SHARED, known.id, facts)
        return shared


def _named(tx: Tx, site: Site, gpu: str) -> Gpu:
    known = [one for one in gpus.listing(tx, node=site.settings.node) if one.ended is None]
    found = [one for one in known if one.id == gpu] or [one for one in known if one.device == gpu]
    if not found:
        raise NotFound("There is no GPU {gpu!r}.", advice="`hub-ext gpu list` shows what there is.", gpu=gpu)
    # A device that was changed for another keeps its name: the one that is there is meant, not the lost one.
    return min(found, key=lambda one: (one.health is GpuHealth.LOST, one.id))
