"""`python -m bench.writer URL SECONDS`: writes one event a transaction into that store, as fast as it may.

Prints the seconds that each took, as a JSON list.
"""

from __future__ import annotations

import json
import sys
import time

from hub_ext.adapters.store import Store, audit
from hub_ext.flows.site import utc_now
from hub_ext.model import Actor, ActorKind, Verb

_ACTOR = Actor(ActorKind.HOST_USER, "bench")


def _main(url: str, seconds: float) -> list[float]:
    store, took = Store.open(url), []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        with store.transaction() as tx:
            audit.append(
                tx,
                time=utc_now(),
                actor=_ACTOR,
                verb=Verb.LAUNCH_STARTED,
                subject="lau-bench",
                facts={"project": "onco"},
            )
        took.append(time.monotonic() - began)
    store.close()
    return took


if __name__ == "__main__":
    print(json.dumps(_main(sys.argv[1], float(sys.argv[2]))))
