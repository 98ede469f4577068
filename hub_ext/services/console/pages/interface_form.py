"""The part of an entry's form that says how its server is started and reached."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from pydantic import StringConstraints, model_validator

from hub_ext.errors import InputError
from hub_ext.expression import command_line
from hub_ext.expression.poll_lines import poll_read, poll_written
from hub_ext.flows import interface_checks
from hub_ext.model.interfaces import (
    COMMAND,
    JUPYTER,
    Interface,
    InterfaceKind,
    PrefixHandling,
    SecretPlace,
    SecretScheme,
)
from hub_ext.services.console.forms import FormModel, Line

Lines = Annotated[str, StringConstraints(max_length=10_000)]
# Fields of another program alone: with Jupyter chosen nobody sees them, whatever they hold.
_OF_PROGRAM = ("command", "port", "prefix", "ready_path", "polls", "secret_variable", "secret_scheme")
# Where a part of an interface is said, if not in the field of its name.
_JUPYTER_FIELDS = {"command": "jupyter_command"}
_PROGRAM_FIELDS = {"secret": "secret_variable"}


class InterfaceFields(FormModel):
    """A Jupyter server by its command, or another program by everything that there is to say."""

    interface: InterfaceKind = InterfaceKind.JUPYTER
    jupyter_command: Lines = ""
    command: Lines = ""
    port: int = COMMAND.port
    prefix: PrefixHandling = COMMAND.prefix
    ready_path: Line = ""
    polls: Lines = ""
    secret_variable: Line = ""
    secret_scheme: SecretScheme = SecretScheme.NONE

    @model_validator(mode="before")
    @classmethod
    def _of_the_choice(cls, sent: Any) -> Any:
        if not isinstance(sent, dict):
            return sent
        unseen = ("jupyter_command",) if sent.get("interface") == "command" else _OF_PROGRAM
        return {name: value for name, value in sent.items() if name not in unseen}

    def stated(self, before: Interface) -> Interface:
        """As the model has it. Of a Jupyter server, all but its command stays. Raises InputError."""
        if self.interface is InterfaceKind.JUPYTER:
            usual = before if before.kind is InterfaceKind.JUPYTER else JUPYTER
            command = command_line.parts(self.jupyter_command) or JUPYTER.command
            return replace(usual, command=command)
        return replace(self._program(), command=command_line.parts(self.command))

    def _program(self) -> Interface:
        """All but the command of another program."""
        return Interface(
            kind=InterfaceKind.COMMAND,
            command=COMMAND.command,
            port=self.port,
            prefix=self.prefix,
            ready_path=self.ready_path,
            polls=tuple(poll_read(line) for line in self.polls.splitlines() if line.strip()),
            secret=SecretPlace(self.secret_variable, self.secret_scheme),
        )

    def problems(self, before: Interface) -> dict[str, InputError]:
        """What cannot be used, by the field that says it."""
        jupyter = self.interface is InterfaceKind.JUPYTER
        unreadable = None
        try:
            stated = self.stated(before)
        except InputError as error:
            unreadable, stated = error, JUPYTER if jupyter else self._program()
        found = interface_checks.problems(stated)
        if unreadable:
            found["command"] = unreadable
        if jupyter:
            return {_JUPYTER_FIELDS.get(name, "interface"): error for name, error in found.items()}
        return {_PROGRAM_FIELDS.get(name, name): error for name, error in found.items()}


def interface_fields(interface: Interface) -> dict[str, Any]:
    """An interface as the form's fields; those of the other kind hold what is usual for it."""
    jupyter = interface.kind is InterfaceKind.JUPYTER
    program = COMMAND if jupyter else interface
    return {
        "interface": interface.kind.value,
        "jupyter_command": command_line.joined((interface if jupyter else JUPYTER).command),
        "command": command_line.joined(program.command),
        "port": program.port,
        "prefix": program.prefix.value,
        "ready_path": program.ready_path,
        "polls": "\n".join(poll_written(poll) for poll in program.polls),
        "secret_variable": program.secret.variable,
        "secret_scheme": program.secret.scheme.value,
    }
