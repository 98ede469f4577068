"""One start of one notebook server, from the question whether it may to the last trace of it.

admit    may it? In one transaction: facts, decision, launch, volumes, leases, audit row
start    volumes, image, container, checked against the plan, until the server answers
stop     the reason first, then the order, then the end with what the engine says of it
release  what is left of a launch that the Hub has given up; the reconciler calls it too
poll     whether it runs; an engine that fails says nothing, and nothing is not "gone"
wait_ready  whether it answers, asked as its interface says

Everything that holds a resource carries the launch's id.
"""

from hub_ext.flows.launch.admit import admit, consider, find_person, holder, last_launch, record_refusal
from hub_ext.flows.launch.choices import choices
from hub_ext.flows.launch.end import poll, release, stop
from hub_ext.flows.launch.ready import wait_ready
from hub_ext.flows.launch.start import Started, Step, StepKind, Tell, start

__all__ = [
    "Started",
    "Step",
    "StepKind",
    "Tell",
    "admit",
    "choices",
    "consider",
    "find_person",
    "holder",
    "last_launch",
    "poll",
    "record_refusal",
    "release",
    "start",
    "stop",
    "wait_ready",
]
