"""A file for each measure, `measure(run)`, in the order in which they are taken."""

from __future__ import annotations

from bench.measures import (
    at_once,
    calls,
    catalogue,
    computing,
    crash,
    first_kernel,
    footprint,
    one_server,
    others,
)
from bench.run import Measure

# What leaves many people's servers behind, or wears the Hubs out, comes last.
MEASURES: dict[str, Measure] = {
    "one_server": one_server.measure,
    "first_kernel": first_kernel.measure,
    "others": others.measure,
    "crash": crash.measure,
    "calls": calls.measure,
    "at_once": at_once.measure,
    "footprint": footprint.measure,
    "catalogue": catalogue.measure,
    "computing": computing.measure,
}
