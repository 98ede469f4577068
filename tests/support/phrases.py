"""What the code says to persons, read from its syntax: templates of errors and phrases, and their values."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import hub_ext
from hub_ext import errors
from hub_ext.model import MemberRole, ProjectState
from hub_ext.model.proposals import ProposalState
from hub_ext.phrase import PLACE

ROOT = Path(hub_ext.__file__).parent
# Everything that can reach a page of the console.
FOLDERS = ("flows", "policy", "expression", "adapters", "services")
# Which arguments are templates, beside the first of an error or a phrase: of functions that make one.
_ENGINE = {
    "unreachable": (0, 1),
    "_call": (0,),
    "_request": (0,),
    "_unless_absent": (0,),
    "_translated": (0,),
}
MAKERS: dict[str, dict[str, tuple[int, ...]]] = {
    "expression": {"at": (1, 2)},
    "adapters/engine": _ENGINE,
    "flows/doctor": {"ok": (0, 1), "warn": (0, 1, 2), "fail": (0, 1, 2), "_fault": (1, 2, 3)},
}
# Which arguments become values, of functions that pass them on to an error.
PASSED: dict[str, dict[str, tuple[int, ...]]] = {
    "adapters/engine": {"EngineAnswered": (2,)},
    "adapters/registry": {"_get": (2,), "_expect": (1,), "json_object": (1,)},
}
# Two words at least, in what a literal or the fixed part of an f-string says.
WORDED = re.compile(r"[A-Za-z]{2,} [A-Za-z]|[A-Za-z]{2,} $")
# Makes phrases of what was kept of others.
READS_BACK = "flows/doctor/kept.py"
# Enumerations whose values are said as words.
WORDS = (ProjectState, MemberRole, ProposalState)
# Arguments of constructors that are no values of a template.
APART = {"advice", "cause", "lasting"}


@dataclass(frozen=True)
class Said:
    """A template, where it stands, and its values' names; None: they are given elsewhere."""

    where: str
    template: str
    values: frozenset[str] | None

    @property
    def wordless(self) -> bool:
        """Nothing but values: the same in every language."""
        return not PLACE.sub("", self.template).strip()

    @property
    def unfilled(self) -> set[str]:
        """Places without a value."""
        return set() if self.values is None else places(self.template) - self.values


def places(template: str) -> set[str]:
    """The names of what is filled in."""
    return {place[1] for place in PLACE.finditer(template)}


def error_names() -> set[str]:
    """Every class below HubExtError in the code, whichever module it stands in."""
    names = {name for name, value in vars(errors).items() if isinstance(value, type)}
    for path in _files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and {getattr(base, "id", "") for base in node.bases} & names:
                names.add(node.name)
    return names


@cache
def said() -> tuple[list[Said], list[str]]:
    """Every template of `FOLDERS`; and where one is not a literal, so that it cannot be translated."""
    found: list[Said] = []
    odd: list[str] = []
    everywhere = dict.fromkeys((*error_names(), "Phrase"), (0,))
    for path in _files():
        folder = path.parent.relative_to(ROOT).as_posix()
        makers = everywhere | MAKERS.get(folder, {})
        tree = ast.parse(path.read_text())
        known = dict(_constants(tree))
        for call, passed_on in _calls(tree, makers, frozenset()):
            where = f"{path.relative_to(ROOT)}:{call.lineno}"
            for argument in _arguments(call, makers.get(_name(call.func), (0,))):
                if isinstance(argument, ast.Name) and argument.id in passed_on:
                    continue
                for template in _texts(argument, known):
                    if template is None and not where.startswith(READS_BACK):
                        odd.append(f"{where}: {ast.unparse(argument)}")
                    elif template:
                        found.append(Said(where, template, _values(call)))
    return found, odd


@cache
def worded_values() -> list[str]:
    """Where a value is English words, and not a phrase of them: it would stand in a French sentence."""
    found = []
    makers = {*error_names(), "Phrase"}
    for path in _files():
        folder = path.parent.relative_to(ROOT).as_posix()
        names = makers | set(MAKERS.get(folder, {}))
        passed = PASSED.get(folder, {})
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call):
                continue
            name = _name(call.func)
            values = [call.args[at] for at in passed.get(name, ()) if at < len(call.args)]
            if name in names:
                values += [given.value for given in call.keywords if given.arg not in APART]
            found += [
                f"{path.relative_to(ROOT)}:{call.lineno}: {ast.unparse(value)}"
                for value in values
                if any(WORDED.search(text) for text in _literals(value))
            ]
    return found


def _literals(value: ast.expr) -> Iterator[str]:
    """What it can be, or begins with; not what a call in it is given."""
    match value:
        case ast.Constant(value=str() as text):
            yield text
        case ast.JoinedStr(values=parts) | ast.BoolOp(values=parts) | ast.Tuple(elts=parts):
            for part in parts:
                yield from _literals(part)
        case ast.IfExp(body=body, orelse=otherwise):
            yield from (*_literals(body), *_literals(otherwise))
        case ast.BinOp(left=left, right=right):
            yield from (*_literals(left), *_literals(right))


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str() as text)):
                yield name, text


def _calls(
    node: ast.AST, makers: dict[str, tuple[int, ...]], passed_on: frozenset[str]
) -> Iterator[tuple[ast.Call, frozenset[str]]]:
    """Calls of makers, each with the parameters of those makers in which it stands."""
    for child in ast.iter_child_nodes(node):
        inner = passed_on
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and (
            child.name in makers or (isinstance(node, ast.ClassDef) and node.name in makers)
        ):
            inner |= {argument.arg for argument in (*child.args.posonlyargs, *child.args.args)}
        if isinstance(child, ast.Call) and (_name(child.func) in makers or (passed_on and _is_super(child))):
            yield child, passed_on
        yield from _calls(child, makers, inner)


def _is_super(call: ast.Call) -> bool:
    return ast.unparse(call.func) == "super().__init__"


def _files() -> Iterator[Path]:
    return (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _arguments(call: ast.Call, positions: tuple[int, ...]) -> Iterator[ast.expr]:
    yield from (call.args[at] for at in positions if at < len(call.args))
    yield from (keyword.value for keyword in call.keywords if keyword.arg == "advice")


def _values(call: ast.Call) -> frozenset[str] | None:
    names = {keyword.arg for keyword in call.keywords} - APART
    return None if None in names else frozenset(str(name) for name in names)


def _texts(argument: ast.expr, known: dict[str, str]) -> Iterator[str | None]:
    match argument:
        case ast.Constant(value=str() as text):
            yield text
        case ast.IfExp(body=body, orelse=otherwise):
            yield from _texts(body, known)
            yield from _texts(otherwise, known)
        case ast.Name(id=name) if name in known:
            yield known[name]
        case ast.Call(func=ast.Name(id="Phrase")) | ast.Attribute(attr="template" | "next_step"):
            return  # read where it is made
        case ast.Attribute(value=ast.Name(id="state") | ast.Attribute(attr="state" | "role"), attr="value"):
            return  # a word of WORDS
        case _:
            yield None
