"""Modules that are read when a name of theirs is first asked for."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands for a module until somebody asks for a name of it."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            _forget(self)
        return getattr(importlib.import_module(self.__name__), name)


def _forget(module: ModuleType) -> None:
    del sys.modules[module.__name__]
    parent, _, child = module.__name__.rpartition(".")
    if parent:
        delattr(sys.modules[parent], child)


@contextmanager
def read_later(*names: str) -> Iterator[None]:
    """Who imports one of these inside the block holds a module that is read when a name of it is asked for.

    Afterwards nobody else meets it: a later `import` is an ordinary one. It may not stay in sys.modules:
    `import NAME.PART` would then read NAME for its path, PART along with it, and then PART once more.
    The parents must have been imported. Raises ModuleNotFoundError where there is no such module.
    """
    modules = []
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise ModuleNotFoundError(f"there is no module {name}", name=name)
        module = _Later(name)
        module.__spec__ = spec
        # What walks through sys.modules asks each module for it, and must find no other modules coming.
        module.__file__ = spec.origin
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
        modules.append(module)
    try:
        yield
    finally:
        for module in modules:
            if sys.modules.get(module.__name__) is module:
                _forget(module)
