"""How a container ended, read from what the engine says of it."""

from __future__ import annotations

import pytest

from hub_ext.flows.launch.end import Exit, exit_of


@pytest.mark.parametrize(
    ("code", "flagged", "ended"),
    [
        (0, False, Exit(0)),
        (137, True, Exit(137, out_of_memory=True)),
        # Killed by hand.
        (137, False, Exit(137)),
        # Only a kernel of its notebooks was killed for memory, perhaps days before.
        (0, True, Exit(0)),
        (143, True, Exit(143)),
    ],
)
def test_a_server_that_was_killed_for_memory_is_told_from_one_whose_kernel_was(
    code: int, flagged: bool, ended: Exit
) -> None:
    state = {"Status": "exited", "ExitCode": code, "OOMKilled": flagged}
    assert exit_of({"State": state}) == ended


def test_what_runs_has_not_ended_whatever_was_killed_in_it() -> None:
    assert exit_of({"State": {"Status": "running", "ExitCode": 0, "OOMKilled": True}}) == Exit()
