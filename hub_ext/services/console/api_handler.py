"""Calls of the API: tokens or the console's own cookie, JSON, ETags, and problem details for every error."""

from __future__ import annotations

import inspect
import json
from http import HTTPStatus
from typing import Any, ClassVar

from pydantic import BaseModel, ValidationError
from tornado import web

from hub_ext.errors import Conflict, HubExtError
from hub_ext.expression.catalogue_file import MOST_BYTES as MOST_YAML_BYTES
from hub_ext.expression.duties import denial_words
from hub_ext.services.console.base import Console, ConsoleHandler
from hub_ext.services.console.operations import Answer, Call, FileAnswer, Forbidden, Operation, Problem
from hub_ext.services.console.page import status_of

MOST_BYTES = 1024 * 1024


class ApiHandler(ConsoleHandler):
    """All operations of one path."""

    operations: ClassVar[dict[str, Operation]] = {}
    SUPPORTED_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

    def initialize(self, console: Console, operations: dict[str, Operation]) -> None:  # type: ignore[override]
        """Called by tornado with the route's arguments."""
        super().initialize(console)
        self.offered = operations

    def not_signed_in(self) -> None:
        """401: a program has no use for the Hub's sign-in page."""
        self.set_header("WWW-Authenticate", "Bearer")
        raise Problem(401, "Sign in, or send a token", advice="Make a token on the Hub's page /hub/token.")

    def stranger(self) -> None:
        """403."""
        raise Problem(403, "Not known here, or no access to the console", advice="Ask a steward.")

    async def answer(self, **path: str) -> None:
        """Serves whatever method came."""
        operation = self.offered.get(str(self.request.method))
        if operation is None:
            self.set_header("Allow", ", ".join(sorted(self.offered)))
            raise Problem(405, "No such method here")
        if operation.deed is not None:
            about = {noun: path[name] for noun, name in operation.about.items()}
            if denial := self.known.may(operation.deed, **about):
                raise Forbidden(denial)
        if operation.recorded and not self.hub_auth.get_token(self, in_cookie=False):
            raise Problem(403, "This takes a token", advice="Make one on the Hub's page /hub/token.")
        call = self._call(operation, path)
        if inspect.iscoroutinefunction(operation.run):
            made = await operation.run(call)
        else:
            made = await self.in_thread(operation.run, call)
        if isinstance(made, FileAnswer):
            with made.file:
                await self.send_file(made.file, made.media, made.name)
        else:
            self._send(operation, made)

    get = post = put = patch = delete = answer

    def _call(self, operation: Operation, path: dict[str, str]) -> Call:
        query = operation.query and _parsed(operation.query, self._query(operation.query), "query")
        if operation.yaml and operation.body:
            body: Any = self._yaml()
        else:
            body = operation.body and _parsed(operation.body, self._body(), "body")
        version = self._version() if operation.conditional else None
        return Call(self.known, self.site, path, query, body, version, self.language, self.console)

    def _query(self, model: type[BaseModel]) -> dict[str, Any]:
        arguments = self.request.query_arguments
        held: dict[str, Any] = {}
        for name, values in arguments.items():
            if name == "_xsrf":
                continue
            texts = [value.decode("utf-8", errors="replace") for value in values]
            many = name in model.model_fields and "tuple" in str(model.model_fields[name].annotation)
            held[name] = texts if many else texts[-1]
        return held

    def _yaml(self) -> bytes:
        """The body as YAML; JSON as the same written in YAML, which knows most of it and not all."""
        if not self.request.headers.get("Content-Type", "").startswith("application/json"):
            return self.request.body
        if len(self.request.body) > MOST_YAML_BYTES:
            raise Problem(413, "The body is too large", advice=f"Send {MOST_YAML_BYTES} bytes at most.")
        try:
            return json.dumps(json.loads(self.request.body), ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise Problem(400, "The body is not JSON", str(error)) from error

    def _body(self) -> Any:
        if len(self.request.body) > MOST_BYTES:
            raise Problem(413, "The body is too large", advice=f"Send {MOST_BYTES} bytes at most.")
        try:
            return json.loads(self.request.body)
        except (ValueError, RecursionError) as error:
            raise Problem(400, "The body is not JSON", str(error)) from error

    def _version(self) -> int:
        given = self.request.headers.get("If-Match", "")
        if not given:
            raise Problem(
                428, "If-Match is missing", advice="Send the ETag of what you read, so that no edit is lost."
            )
        # The front marks the ETag of an answer that it compresses as weak; a version stays the same number.
        text = given.strip().removeprefix("W/").strip('"')
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise Problem(412, "What you read is not there any more", advice="Read it again.")
        return int(text)

    def _send(self, operation: Operation, made: Any) -> None:
        answer = made if isinstance(made, Answer) else Answer(made)
        self.set_status(operation.status)
        if answer.version is not None:
            self.set_header("ETag", f'"{answer.version}"')
        if answer.location:
            self.set_header("Location", self.path_to(f"api/v1/{answer.location}"))
        if answer.yaml is not None:
            self.set_header("Content-Type", "application/yaml; charset=utf-8")
            self.finish(answer.yaml)
            return
        if answer.body is None:
            self.finish()
            return
        self.set_header("Content-Type", "application/json")
        self.finish(answer.body.model_dump_json())

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Problem details, whatever happened."""
        problem = _problem(kwargs.get("exc_info", (None, None, None))[1], status_code, self.language)
        self.set_status(problem.status)
        self.set_header("Content-Type", "application/problem+json")
        told = {
            "type": "about:blank",
            "title": problem.title,
            "status": problem.status,
            "detail": problem.detail,
            "advice": problem.advice,
            "reasons": list(problem.reasons),
        }
        self.finish(json.dumps({key: value for key, value in told.items() if value}))

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """What is answered with less than 500 is no error of ours."""
        if _problem(error, 500, "en").status >= 500:
            super().log_exception(kind, error, trace)


class NoSuchCall(ApiHandler):
    """Any other address below the API's root."""

    def initialize(self, console: Console) -> None:  # type: ignore[override]
        """Offers nothing."""
        super().initialize(console, {})

    async def prepare(self) -> None:
        """404, to whoever asks."""
        raise Problem(404, "There is no such address", advice="The API's document lists them: openapi.json.")


def _parsed(model: type[BaseModel], held: Any, where: str) -> BaseModel:
    try:
        return model.model_validate(held)
    except ValidationError as error:
        reasons = tuple(
            {"field": ".".join(str(part) for part in one["loc"]), "reason": one["msg"]}
            for one in error.errors(include_url=False, include_context=False, include_input=False)[:50]
        )
        raise Problem(422, f"The {where} cannot be used", reasons=reasons) from error


def _problem(error: BaseException | None, status: int, language: str) -> Problem:
    match error:
        case Problem():
            return error
        case Forbidden():
            words = denial_words(error.denial, language)
            return Problem(403, "Not allowed", words.fact, advice=words.advice)
        case Conflict() if getattr(error, "stale", False):
            return Problem(412, error.message, advice=error.advice)
        case HubExtError() if status_of(error) < 500:
            return Problem(status_of(error), error.message, advice=error.advice)
        case HubExtError():
            return Problem(
                status_of(error), "Something that this rests on does not answer", advice="Try later."
            )
        case web.HTTPError() if error.status_code < 500:
            return Problem(error.status_code, _title(error.status_code), error.log_message or "")
    return Problem(status if status >= 500 else 500, "Something went wrong on our side", advice="Try later.")


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
