"""From a command's traits and arguments to an argparse parser.

traitlets' own parser takes `--Class.trait=value` and prints every configurable of every class; people get
short options, strict positional arguments and a help of one screen instead.
"""

from __future__ import annotations

import argparse
import inspect
import textwrap
from dataclasses import dataclass
from typing import Any, NoReturn

from traitlets import Bool, CaselessStrEnum, Enum, Float, Integer, List


class UsageError(Exception):
    """Something was typed wrongly; `typed` are the words whose --help says how it is typed."""

    def __init__(self, message: str, typed: str) -> None:
        super().__init__(message)
        self.message = message
        self.typed = typed


@dataclass(frozen=True, slots=True)
class Argument:
    """A positional argument: exactly one value, or at most one, or (many) at least one."""

    name: str
    help: str
    optional: bool = False
    many: bool = False


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}.", self.prog)


def _formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=32, width=100)


def description(command: type) -> str:
    """The docstring of a command, as paragraphs."""
    return inspect.cleandoc(command.__doc__ or "")


def parse(typed: str, command: Any, argv: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The traits and the arguments that were typed, in any order; behind "--" everything is an argument.

    Raises UsageError; -h prints the help and exits.
    """
    place = argv.index("--") if "--" in argv else len(argv)
    options, words = _build(typed, command).parse_known_args(argv[:place])
    for word in words:
        if word.startswith("-") and word != "-":
            raise UsageError(f"{typed}: there is no option {word.partition('=')[0]}.", typed)
    return vars(options), _arguments(typed, command.arguments, [*words, *argv[place + 1 :]])


def _arguments(typed: str, known: tuple[Argument, ...], words: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for argument in known:
        if not words and not argument.optional:
            raise UsageError(f"{typed}: {argument.name} is missing.", typed)
        if argument.many:
            values[argument.name], words = words, []
        else:
            values[argument.name], words = (words[0], words[1:]) if words else (None, words)
    if words:
        raise UsageError(f"{typed}: {words[0]!r} is too much.", typed)
    return values


def _build(typed: str, command: Any) -> argparse.ArgumentParser:
    """The parser of a command's options; arguments are only in its help."""
    parser = _Parser(
        prog=typed,
        usage=_usage(typed, command),
        description=description(command),
        epilog=_examples(command),
        formatter_class=_formatter,
        allow_abbrev=False,
        add_help=False,
    )
    traits = command.class_traits(option=lambda tag: tag is not None)
    own, common = parser.add_argument_group("options"), parser.add_argument_group("common options")
    in_order = [name for kind in reversed(command.mro()) for name in vars(kind) if name in traits]
    for name in dict.fromkeys(in_order):
        _add(common if traits[name].metadata.get("common") else own, name, traits[name])
    common.add_argument("-h", "--help", action=_Help, arguments=command.arguments, help="Show this.")
    return parser


class _Help(argparse.Action):
    """Prints the help, with the arguments that the parser itself does not know."""

    def __init__(self, *, arguments: tuple[Argument, ...], **common: Any) -> None:
        super().__init__(nargs=0, default=argparse.SUPPRESS, **common)
        self.arguments = arguments

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        for known in self.arguments:
            parser.add_argument(known.name, help=known.help)
        parser.print_help()
        parser.exit()


def _examples(command: Any) -> str | None:
    examples = textwrap.indent(textwrap.dedent(str(command.examples or "")).strip(), "  ")
    return f"examples:\n{examples}" if examples else None


def _usage(typed: str, command: Any) -> str:
    words = [typed.replace("%", "%%"), "[options]"]
    for known in command.arguments:
        name = f"{known.name} …" if known.many else known.name
        words.append(f"[{name}]" if known.optional else name)
    for name, trait in command.class_traits(option=lambda tag: tag is not None, required=True).items():
        words.append(f"{_option(name, trait)} {_metavar(name, trait)}")
    return " ".join(words)


def _option(name: str, trait: Any) -> str:
    tag = trait.metadata["option"]
    return tag if isinstance(tag, str) else "--" + name.replace("_", "-")


def _metavar(name: str, trait: Any) -> str:
    return str(trait.metadata.get("metavar", name.upper().replace("_", "-")))


def _add(group: Any, name: str, trait: Any) -> None:
    option = _option(name, trait)
    common: dict[str, Any] = {
        "dest": name,
        "default": argparse.SUPPRESS,
        "help": trait.help.replace("%", "%%"),
    }
    if isinstance(trait, Bool):
        action = argparse.BooleanOptionalAction if trait.default_value else "store_true"
        group.add_argument(option, action=action, **common)
        return
    common["required"] = bool(trait.metadata.get("required"))
    common["metavar"] = _metavar(name, trait)
    if isinstance(trait, List):
        common["action"] = "append"
        common["help"] += " May be repeated."
    elif isinstance(trait, Integer):
        common["type"] = int
    elif isinstance(trait, Float):
        common["type"] = float
    elif isinstance(trait, (Enum, CaselessStrEnum)):
        common["choices"] = [value for value in trait.values if value is not None]
        del common["metavar"]
    group.add_argument(option, **common)
