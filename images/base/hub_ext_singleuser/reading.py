"""Modules that are read later, and names that stand in while others are read."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands for a module until somebody asks for a name of it.

    importlib's LazyLoader reads a module at the second `import` of it, as that asks for its `__spec__`.
    """

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def read_later(name: str) -> None:
    """From now on `import NAME` gives a module that is read when somebody asks for a name of it.

    Its parent must have been imported. Raises ModuleNotFoundError where there is no such module.
    """
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


@contextmanager
def stood_in(names: Mapping[str, Mapping[str, type] | None]) -> Iterator[None]:
    """Inside the block these modules have the given names and nothing else, or (None) are not there.

    Afterwards nobody knows of it.
    """
    for module, held in names.items():
        stand_in = None if held is None else ModuleType(module)
        if stand_in is not None:
            vars(stand_in).update(held or {})
        sys.modules[module] = stand_in  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in names:
            del sys.modules[module]
