"""The API is what its document says, and no input makes it fail."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from tornado.routing import PathMatches

from hub_ext.services.console import api
from hub_ext.services.console.api_handler import ApiHandler
from hub_ext.services.console.app import application
from hub_ext.services.console.base import Console
from hub_ext.services.console.openapi import document
from hub_ext.services.console.operations import Operation
from tests.services.console.conftest import TOKEN, Door, Running

EXAMPLES = 12
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
DOCUMENT = document(api.OPERATIONS, "/api/v1")
NAMES = [f"{each.method} {each.path}" for each in api.OPERATIONS]


def served(console: Running) -> set[str]:
    """METHOD and path of every call that the running application answers."""
    made = application(Console(console.site, Door(), "/"), b"x")  # type: ignore[arg-type]
    rules = made.wildcard_router.rules
    found = set()
    for rule in rules:
        if rule.target is ApiHandler and isinstance(rule.matcher, PathMatches):
            path = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", rule.matcher.regex.pattern)
            path = path.replace("\\", "").rstrip("$").removeprefix("/api/v1")
            found |= {f"{method} {path}" for method in rule.target_kwargs["operations"]}
    return found


def test_the_document_tells_every_call_and_no_other(console: Running) -> None:
    answer = requests.get(f"{console.url}api/v1/openapi.json", headers=HEADERS, timeout=30)
    told = {
        f"{method.upper()} {path}" for path, methods in answer.json()["paths"].items() for method in methods
    }
    assert told == served(console) == set(NAMES)
    assert len(told) > 10


def test_every_call_is_told_with_what_it_takes() -> None:
    for each in api.OPERATIONS:
        told: dict[str, Any] = DOCUMENT["paths"][each.path][each.method.lower()]
        assert set(re.findall(r"{(\w+)}", each.path)) <= {one["name"] for one in told["parameters"]}
        assert ("requestBody" in told) == (each.body is not None)
        assert each.summary
        assert str(each.status) in told["responses"]


@pytest.mark.parametrize("each", api.OPERATIONS, ids=NAMES)
def test_who_is_not_signed_in_is_refused(console: Running, each: Operation) -> None:
    path = re.sub(r"{\w+}", "some-thing", each.path)
    wrong = {"Authorization": "Bearer nobodys"}
    answer = requests.request(each.method, f"{console.url}api/v1{path}", json={}, headers=wrong, timeout=30)
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_who_may_not_is_told_so_before_what_is_wrong_with_the_input(console: Running) -> None:
    headers = {"Authorization": "Bearer of-a-researcher"}
    answer = requests.post(f"{console.url}api/v1/images", data="no JSON", headers=headers, timeout=30)
    assert answer.status_code == 403


schema = schemathesis.openapi.from_dict(DOCUMENT)
OFFERED = {f"{one.ok().method.upper()} {one.ok().path}": one.ok() for one in schema.get_all_operations()}


@pytest.mark.parametrize("name", NAMES)
def test_no_input_makes_it_fail(console: Running, name: str) -> None:
    """Schemathesis makes what the document allows; whatever comes back is what the document says."""

    turns = itertools.count()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OFFERED[name].as_strategy())
    def ask(case: Any) -> None:
        # Invented names are not found; every second one is a name that is.
        parameter = {"slug", "id"} & set(case.path_parameters or ())
        if parameter and (known := console.known.get(name.split("/")[1])) and next(turns) % 2:
            case.path_parameters[parameter.pop()] = known
        answer = case.call(base_url=f"{console.url}api/v1", headers=HEADERS)
        assert answer.status_code < 500 or answer.status_code == 503, (case.as_curl_command(), answer.text)
        kind = (answer.headers.get("content-type") or [""])[0]
        if answer.status_code >= 400:
            assert kind == "application/problem+json", (answer.status_code, answer.text)
        elif answer.status_code == OFFERED_STATUS[name] and kind == "application/json":
            case.operation.validate_response(answer)

    ask()


# What is open to whoever has signed in: who they are, their own requests and hours, and what waits for them.
OPEN = {"GET /me", "GET /me/sessions", "GET /requests", "GET /projects", "GET /waiting", "GET /accounting"}
OPEN |= {"GET /queue"}  # their own places
# Of an auditor's: nothing of these changes what is audited.
AUDITORS = {"POST /audit/look-ups", "POST /audit/chain"}


def tried(console: Running, name: str, token: str) -> list[tuple[int, str]]:
    """Status and text of what somebody gets who calls it in different ways, about things that are there."""
    answers: list[tuple[int, str]] = []

    @settings(
        max_examples=3,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OFFERED[name].as_strategy())
    def ask(case: Any) -> None:
        parameter = {"slug", "id"} & set(case.path_parameters or ())
        if parameter and (known := console.known.get(name.split("/")[1])):
            case.path_parameters[parameter.pop()] = known
        answer = case.call(base_url=f"{console.url}api/v1", headers={"Authorization": f"Bearer {token}"})
        answers.append((answer.status_code, answer.text))

    ask()
    return answers


@pytest.mark.parametrize("name", sorted(set(NAMES) - OPEN))
def test_who_has_no_duty_gets_nothing_and_changes_nothing(console: Running, name: str) -> None:
    assert not [told for told in tried(console, name, "of-a-researcher") if told[0] < 400]


@pytest.mark.parametrize("name", sorted(name for name in set(NAMES) - AUDITORS if not name.startswith("GET")))
def test_an_auditor_changes_nothing(console: Running, name: str) -> None:
    assert not [told for told in tried(console, name, "of-an-auditor") if told[0] < 400]


OFFERED_STATUS = {f"{each.method} {each.path}": each.status for each in api.OPERATIONS}
