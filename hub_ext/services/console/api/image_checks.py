"""Checks of images."""

from __future__ import annotations

import asyncio

from pydantic import AwareDatetime

from hub_ext.expression.phrases import phrase_text
from hub_ext.flows import image_check as flow
from hub_ext.model.duties import Deed
from hub_ext.model.image_checks import CheckOutcome, CheckRunner, ImageCheck
from hub_ext.services.console.api.image_models import Choice
from hub_ext.services.console.api.images import ONE, READ
from hub_ext.services.console.operations import Answer, ApiModel, Call, Listed, Operation
from hub_ext.services.console.words import translator


class Check(ApiModel):
    """A trial of a revision. `log` is the end of what it printed, `status` its smoke test's or -1.

    `error` says what failed of ours, where the outcome is "error".
    """

    id: str
    revision: int
    digest: str
    outcome: CheckOutcome
    started: AwareDatetime
    ended: AwareDatetime | None
    status: int
    log: str
    error: str


def begin(call: Call) -> ImageCheck:
    """In a thread: the row that keeps others from checking it too."""
    return flow.begin(
        call.site, call.actor, call.path["slug"], call.body.revision, runner=CheckRunner.CONSOLE
    )


async def check(call: Call) -> Answer:
    """Begun; its own address tells how it goes on."""
    begun = await asyncio.to_thread(begin, call)
    call.console.checking.start(call.site, call.actor, begun)
    return Answer(_check(call, begun), location=f"images/{begun.entry}/checks/{begun.id}")


def listing(call: Call) -> Listed[Check]:
    """The last ones, the newest first."""
    found = flow.listing(call.site, call.path["slug"])
    return Listed[Check](items=tuple(_check(call, known) for known in found))


def one(call: Call) -> Check:
    """As it stands."""
    return _check(call, flow.find(call.site, call.path["slug"], call.path["check"]))


def _check(call: Call, known: ImageCheck) -> Check:
    why = flow.why(call.site, known.id) if known.outcome is CheckOutcome.ERROR else ()
    return Check(
        id=known.id,
        revision=known.number,
        digest=known.digest,
        outcome=known.outcome,
        started=known.started,
        ended=known.ended,
        status=known.status,
        log=call.console.checking.log(known),
        error=" ".join(phrase_text(one, call.language, translator(call.language)) for one in why),
    )


ALL = f"{ONE}/checks"
OPERATIONS = (
    Operation(
        *("POST", ALL, "Try a revision", check, Deed.WRITE_IMAGES), body=Choice, answer=Check, status=202
    ),
    Operation("GET", ALL, "Its last checks", listing, READ, answer=Listed[Check]),
    Operation("GET", f"{ALL}/{{check}}", "A check as it stands", one, READ, answer=Check),
)
