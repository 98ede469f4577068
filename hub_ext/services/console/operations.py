"""The API as a table: what may be called, by whom, with what, and what it answers.

The handlers serve exactly this table and the OpenAPI document is written from it, so neither can say more
than the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from hub_ext.flows.site import Site
from hub_ext.model import Actor
from hub_ext.model.duties import Deed, Denial
from hub_ext.services.console.visitor import Visitor

if TYPE_CHECKING:
    from hub_ext.services.console.base import Console

T = TypeVar("T")


class ApiModel(BaseModel):
    """A body or an answer of the API. What nobody knows is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PageQuery(ApiModel):
    """Which part of a long list: `after` is the `next` of the page before."""

    limit: int = 100
    after: str = ""


class Listed(ApiModel, Generic[T]):
    """A part of a list. `next` is "" at its end."""

    items: tuple[T, ...]
    next: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: who makes it, and its parsed parts. `version` is what If-Match names."""

    visitor: Visitor
    site: Site
    path: Mapping[str, str]
    query: Any
    body: Any
    version: int | None
    language: str
    console: Console

    @property
    def actor(self) -> Actor:
        """As the record names the visitor."""
        return self.visitor.actor

    def require(self, deed: Deed, **about: str | None) -> None:
        """Returns where the visitor may; else ends the call with 403 and the reason."""
        if denial := self.visitor.may(deed, **about):
            raise Forbidden(denial)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with more than a body. `version` becomes its ETag; `location` is below the API's root.

    `yaml` is sent in place of a body.
    """

    body: BaseModel | None = None
    version: int | None = None
    location: str = ""
    yaml: str | None = None


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """A file in place of a body, closed once sent; written whole before: a slow reader holds nothing."""

    file: IO[str]
    media: str
    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `run` is a function of a Call; one that is not a coroutine runs in a thread.

    `deed` is asked first; `about` names the path's parameters that are its dataset or project. `conditional`
    calls change something that has versions: they need If-Match. `yaml` calls take and give YAML too: `run`
    gets the body's bytes, and reads them itself. `media` are the types of the files that it answers with.
    A `recorded` GET leaves a mark and takes a token: with a cookie, any page elsewhere could make one.
    """

    method: str
    path: str
    summary: str
    run: Callable[[Call], Any]
    deed: Deed | None = None
    about: Mapping[str, str] = field(default_factory=dict)
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    status: int = 200
    conditional: bool = False
    yaml: bool = False
    media: tuple[str, ...] = ()
    recorded: bool = False


class Problem(Exception):
    """An answer of RFC 9457: what is wrong, why, and what to do."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        advice: str = "",
        reasons: tuple[Mapping[str, str], ...] = (),
    ) -> None:
        super().__init__(title)
        self.status, self.title, self.detail = status, title, detail
        self.advice, self.reasons = advice, reasons


class Forbidden(Exception):
    """Ends a call with a "no" of `policy.duties`."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.code)
        self.denial = denial
