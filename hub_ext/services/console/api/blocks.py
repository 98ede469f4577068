"""What is stopped: listed, looked at before, added, lifted."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from hub_ext.flows import blocks as flow
from hub_ext.model import Block as Known
from hub_ext.model import BlockKind, BlockScope
from hub_ext.model.duties import Deed
from hub_ext.services.console.api.parts import Session, Short, session
from hub_ext.services.console.operations import Answer, ApiModel, Call, Listed, Operation

MOST = 200


class NewBlock(ApiModel):
    """What to stop. `subject` is a username, a person's id or a slug; "" for everything.

    `end_by`, of a drain: when sessions have to have ended; null lets them run. `until` null: it stands until
    it is lifted. Whoever it concerns reads `why`.
    """

    kind: BlockKind
    scope: BlockScope
    subject: Short = ""
    why: Annotated[str, Field(min_length=1, max_length=flow.MOST_WHY)]
    end_by: AwareDatetime | None = None
    until: AwareDatetime | None = None

    def wanted(self) -> flow.Wanted:
        """As the flow has it."""
        return flow.Wanted(self.kind, self.scope, self.subject, self.why, self.end_by, self.until)


class Block(ApiModel):
    """A block; `subject` is a person's id or a slug."""

    id: str
    kind: BlockKind
    scope: BlockScope
    subject: str
    why: str
    since: AwareDatetime
    added_by: str
    end_by: AwareDatetime | None
    until: AwareDatetime | None
    lifted: AwareDatetime | None
    lifted_by: str


def listing(call: Call) -> Listed[Block]:
    """Those that stand, then those of the past, the newest first."""
    return Listed[Block](items=tuple(_shown(block) for block in flow.newest(call.site, MOST)))


def look(call: Call) -> Listed[Session]:
    """The sessions that it would be on; nothing is written."""
    return Listed[Session](
        items=tuple(session(launch) for launch in flow.look(call.site, call.body.wanted()).sessions)
    )


def add(call: Call) -> Answer:
    """Stops it."""
    return Answer(_shown(flow.add(call.site, call.actor, call.body.wanted())))


def lift(call: Call) -> Block:
    """Lifts it."""
    return _shown(flow.lift(call.site, call.actor, call.path["id"]))


def _shown(block: Known) -> Block:
    return Block(**{name: getattr(block, name) for name in Block.model_fields})


WRITE = Deed.WRITE_BLOCK
OPERATIONS = (
    Operation("GET", "/blocks", "What is stopped", listing, deed=Deed.READ_SESSIONS, answer=Listed[Block]),
    Operation(
        *("POST", "/blocks/look", "What a stop would end", look),
        deed=WRITE,
        body=NewBlock,
        answer=Listed[Session],
    ),
    Operation("POST", "/blocks", "Stop or drain", add, deed=WRITE, body=NewBlock, answer=Block, status=201),
    Operation("POST", "/blocks/{id}/lift", "Let it start again", lift, deed=WRITE, answer=Block),
)
