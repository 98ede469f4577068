"""How far a start is, for the pending page: told by the flow, read by any number of browsers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from hub_ext.flows.launch import Step, StepKind
from hub_ext.hub.pages import translated

_SHOWN = {
    StepKind.LINE: (3, "Waiting in line: place {number}"),
    StepKind.PULL: (5, "Fetching the environment: {number} %"),
    StepKind.VOLUMES: (60, "Opening your home and the project's folder"),
    StepKind.CREATE: (65, "Preparing the server with your data"),
    StepKind.START: (70, "Starting the server"),
    StepKind.ANSWER: (75, "Waiting for the server to answer"),
}
_PULL_SHARE = 50  # percent of the bar
_QUICKEST = 0.1  # seconds between two messages to a browser


class Progress:
    """The newest step of one start; on the event loop only."""

    def __init__(self) -> None:
        self._step: Step | None = None
        self._number = 0
        self._ended = False
        self._changed = asyncio.Event()

    def tell(self, step: Step) -> None:
        """The start is at this step now."""
        self._step = step
        self._number += 1
        self._changed.set()

    def end(self) -> None:
        """Nothing more will be told."""
        self._ended = True
        self._changed.set()

    async def events(self, language: str) -> AsyncIterator[dict[str, object]]:
        """What the Hub sends to the page; steps that pass quickly may be left out."""
        seen = 0
        while not self._ended or seen != self._number:
            if self._step is not None and seen != self._number:
                seen = self._number
                yield shown(self._step, language)
                await asyncio.sleep(_QUICKEST)
            elif not self._ended:
                # Every reader waits on the same event; who clears it has seen what it told.
                self._changed.clear()
                await self._changed.wait()


def shown(step: Step, language: str) -> dict[str, object]:
    """One message of the pending page."""
    percent, text = _SHOWN[step.kind]
    if step.kind is StepKind.PULL:
        percent += _PULL_SHARE * step.number // 100
    return {"progress": percent, "message": translated(text, language).format(number=step.number)}
