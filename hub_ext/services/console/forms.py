"""Forms: what a page sent, parsed by a pydantic model, or the reason at each field with nothing lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError
from tornado.web import RequestHandler

from hub_ext.model.text import visible
from hub_ext.services.console.words import Translate

# An input that is longer is shown back shortened: a page of a mebibyte helps nobody.
MOST_SHOWN = 4000

M = TypeVar("M", bound=BaseModel)


def _(text: str) -> str:
    """Marks a text for translation; it is translated where it is shown."""
    return text


# pydantic's kinds of errors, in words; its own sentences are English only.
SENTENCES = {
    "missing": _("Fill this in."),
    "string_too_short": _("Fill this in."),
    "too_short": _("Fill this in."),
    "string_too_long": _("Use {max_length} characters at most."),
    "not-printable": _("This holds a character that cannot be seen. Type it again."),
    "greater_than": _("This must be more than {gt}."),
    "greater_than_equal": _("This must be {ge} or more."),
    "less_than_equal": _("This must be {le} or less."),
    "int_parsing": _("Type a whole number."),
    "float_parsing": _("Type a number."),
    "date_from_datetime_parsing": _("Type a day such as 2027-12-31."),
    "date_parsing": _("Type a day such as 2027-12-31."),
    "string_pattern_mismatch": _("Use 1 to 40 of a-z, 0-9 and -, with a letter or digit at both ends."),
    "enum": _("Choose one of the list."),
    "literal_error": _("Choose one of the list."),
    "too_long": _("These are too many."),
}
OTHERWISE = _("This cannot be used.")


def _paragraphs(text: str) -> str:
    if not all(visible(line) for line in text.splitlines()):
        raise PydanticCustomError("not-printable", "holds a character that cannot be seen")
    return text


def _line(text: str) -> str:
    if not visible(text):
        raise PydanticCustomError("not-printable", "holds a character that cannot be seen")
    return text


Slug = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$")
]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255), AfterValidator(_line)]
RequiredLine = Annotated[Line, Field(min_length=1)]
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_line)]
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=10_000), AfterValidator(_paragraphs)
]


class FormModel(BaseModel):
    """A form of a page. Fields that nobody knows are refused, but for the page's own `_…`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Filled(Generic[M]):
    """A form as it came: `value` where all of it can be used, else an error for each field."""

    value: M | None
    raw: dict[str, Any]
    errors: dict[str, str] = field(default_factory=dict)

    def with_error(self, name: str, text: str) -> Filled[M]:
        """The same with a reason at a field; "" is about the whole form."""
        return Filled(None, self.raw, {**self.errors, name: text})


def filled(handler: RequestHandler, model: type[M], translate: Translate) -> Filled[M]:
    """What the request's body holds, for `model`; a list field takes every value of its name."""
    raw: dict[str, Any] = {}
    for name in handler.request.body_arguments:
        if name.startswith("_"):
            continue
        values = [_decoded(value) for value in handler.request.body_arguments[name]]
        raw[name] = values if _is_list(model, name) else values[-1]
    # An empty input of an optional field says nothing.
    sent = {
        name: value
        for name, value in raw.items()
        if value != "" or name not in model.model_fields or model.model_fields[name].is_required()
    }
    shown = {name: _shortened(value) for name, value in raw.items()}
    try:
        return Filled(model.model_validate(sent), shown)
    except ValidationError as error:
        return Filled(None, shown, errors_of(error, translate))


def errors_of(error: ValidationError, translate: Translate) -> dict[str, str]:
    """The first reason of each field, in the reader's language."""
    found: dict[str, str] = {}
    for one in error.errors():
        name = str(one["loc"][0]) if one["loc"] else ""
        text = SENTENCES.get(one["type"], OTHERWISE)
        found.setdefault(name, translate(text, **one.get("ctx", {})))
    return found


def _decoded(value: bytes) -> str:
    return value.decode("utf-8", errors="replace")


def _is_list(model: type[BaseModel], name: str) -> bool:
    known = model.model_fields.get(name)
    return known is not None and "tuple" in str(known.annotation)


def _shortened(value: Any) -> Any:
    if isinstance(value, list):
        return [_shortened(one) for one in value[:200]]
    return value[:MOST_SHOWN]
