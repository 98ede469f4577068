"""The API's own description, OpenAPI 3.1, written from the table of operations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from hub_ext import __version__
from hub_ext.services.console.operations import ApiModel, Operation

REFERENCE = "#/components/schemas/{model}"


class Reason(ApiModel):
    """One reason of a problem."""

    field: str = ""
    reason: str = ""
    advice: str = ""


class ProblemDetails(ApiModel):
    """RFC 9457, with the next step."""

    type: str
    title: str
    status: int
    detail: str = ""
    advice: str = ""
    reasons: tuple[Reason, ...] = ()


def document(operations: Iterable[Operation], root: str) -> dict[str, Any]:
    """The whole description; `root` is the API's address without a slash at its end."""
    held = tuple(operations)
    inputs = {model for each in held for model in (each.body, each.query) if model}
    outputs = {each.answer for each in held if each.answer} | {ProblemDetails}
    modes = [(model, "validation") for model in sorted(inputs, key=_name)]
    modes += [(model, "serialization") for model in sorted(outputs, key=_name)]
    references, definitions = models_json_schema(modes, ref_template=REFERENCE)  # type: ignore[arg-type]
    paths: dict[str, dict[str, Any]] = {}
    for each in held:
        paths.setdefault(each.path, {})[each.method.lower()] = _described(each, references)
    return {
        "openapi": "3.1.0",
        "info": {"title": "hub-ext console", "version": __version__},
        "servers": [{"url": root}],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _name(model: type[BaseModel]) -> str:
    return model.__name__


def _described(each: Operation, references: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "summary": each.summary,
        "operationId": f"{each.method.lower()}{re.sub(r'[^a-zA-Z0-9]+', '_', each.path)}",
        "parameters": _parameters(each),
        "responses": {str(each.status): _answer(each, references), "default": _problem(references)},
    }
    if each.deed:
        told["x-deed"] = each.deed.value
    if each.body:
        schema = references[(each.body, "validation")]
        told["requestBody"] = {"required": True, "content": _content(each, schema)}
    return told


def _parameters(each: Operation) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", each.path)
    ]
    if each.conditional:
        told.append({"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}})
    if each.query:
        schema = each.query.model_json_schema(ref_template=REFERENCE)
        required = set(schema.get("required", ()))
        definitions = schema.get("$defs", {})
        for name, part in schema["properties"].items():
            told.append(
                {
                    "name": name,
                    "in": "query",
                    "required": name in required,
                    "schema": _inlined(part, definitions),
                }
            )
    return told


def _inlined(part: Any, definitions: dict[str, Any]) -> Any:
    """The schema of a parameter without references: it stands alone."""
    if isinstance(part, dict):
        if "$ref" in part:
            return _inlined(definitions[part["$ref"].rpartition("/")[2]], definitions)
        return {key: _inlined(value, definitions) for key, value in part.items()}
    return [_inlined(value, definitions) for value in part] if isinstance(part, list) else part


def _answer(each: Operation, references: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"description": HTTPStatus(each.status).phrase}
    if each.answer:
        schema = references[(each.answer, "serialization")]
        told["content"] = _content(each, schema)
    if each.media:
        told["content"] = {media: {"schema": {"type": "string"}} for media in each.media}
    return told


def _content(each: Operation, schema: Any) -> dict[str, Any]:
    told = {"application/json": {"schema": schema}}
    return told | {"application/yaml": {"schema": schema}} if each.yaml else told


def _problem(references: Any) -> dict[str, Any]:
    schema = references[(ProblemDetails, "serialization")]
    return {"description": "Problem", "content": {"application/problem+json": {"schema": schema}}}
