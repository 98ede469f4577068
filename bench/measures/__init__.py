"""A file for each measure, `measure(run)`, in the order in which they are taken."""

from __future__ import annotations

from bench.measures import (
    at_once,
    calls,
    catalogue,
    computing,
    containers,
    crash,
    first_kernel,
    first_load,
    first_result,
    footprint,
    front,
    hub_cost,
    one_server,
    others,
    store,
)
from bench.run import Measure

# What leaves many people's servers behind, or wears the Hubs out, comes last.
MEASURES: dict[str, Measure] = {
    "first_result": first_result.measure,
    "first_load": first_load.measure,
    "one_server": one_server.measure,
    "first_kernel": first_kernel.measure,
    "front": front.measure,
    "others": others.measure,
    "crash": crash.measure,
    "calls": calls.measure,
    "hub_cost": hub_cost.measure,
    "at_once": at_once.measure,
    "footprint": footprint.measure,
    "catalogue": catalogue.measure,
    "store": store.measure,
    "containers": containers.measure,
    "computing": computing.measure,
}

# What the short version leaves out: it is about scale and takes minutes, or says nothing within seconds on
# two cores that do other work.
FULL_ONLY = frozenset(
    {"first_kernel", "crash", "hub_cost", "footprint", "catalogue", "store", "containers", "computing"}
)
