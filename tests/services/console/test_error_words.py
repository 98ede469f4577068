"""What flows and adapters say when they fail: every text has its French, and pages say it in French."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime

import pytest
import requests

from hub_ext.adapters.engine.images import _CAUSES, unavailable
from hub_ext.errors import InputError, NotFound
from hub_ext.expression.phrases import error_words, phrase_text
from hub_ext.phrase import PLACE, Phrase
from hub_ext.services.console.words import translator
from tests.services.console.conftest import TOKEN, Running
from tests.support.phrases import places, said, worded_values

TEMPLATES, ODD = said()
GIVEN_ELSEWHERE = "adapters/engine/images.py"  # a table of causes; filled in by `unavailable`, tried below


def french(error: InputError | NotFound) -> str:
    return str(error_words(error, "fr", translator("fr")))


# --- what the code holds ---


def test_the_texts_are_found() -> None:
    found = {one.template for one in TEMPLATES}
    assert {"{slug} has no revision {number}.", "Its page lists them.", "title", "list containers"} <= found
    assert {"{name!r} stands twice", "The engine could not {what}: {said} (HTTP {status})."} <= found
    assert len(found) > 400


def test_every_text_is_a_literal() -> None:
    assert ODD == []


def test_every_place_is_filled() -> None:
    gaps = [one for one in TEMPLATES if one.unfilled and not one.where.startswith(GIVEN_ELSEWHERE)]
    assert gaps == []


def test_no_value_is_english_words() -> None:
    assert worded_values() == []


def test_what_is_in_braces_is_a_place() -> None:
    """ "{Name}" or "{name:g}" would be shown as it stands; only JSON may."""
    braces = {one.template for one in TEMPLATES if "{" in PLACE.sub("", one.template)}
    assert braces == {'Write {"username": "…", "password": "…"} into it.'}


@pytest.mark.parametrize("cause", [cause for cause, *_ in _CAUSES])
def test_every_cause_of_a_failed_pull_is_filled_in(cause: str) -> None:
    mark = next(marks[0] for one, marks, *_ in _CAUSES if one == cause)
    error = unavailable("reg.example:5000/nb", "sha256:1", mark)
    assert error.cause == cause
    assert not places(error.message + error.advice)
    assert "…" not in str(error)


# --- how they are worded ---


def test_values_are_never_looked_into() -> None:
    error = NotFound("There is no project {slug!r}.", slug="{number} {0} %s", number=3)
    assert error.message == "There is no project '{number} {0} %s'."
    assert french(error) == "Il n’y a pas de projet « {number} {0} %s »."
    assert str(InputError("It said: {nothing} {} %d")) == "It said: {nothing} {} %d"


def test_nouns_days_numbers_and_lists_are_worded_too() -> None:
    error = InputError(
        "The {what} is empty.", advice="Give one.", what=Phrase("English {what}", what=Phrase("title"))
    )
    assert str(error) == "The English title is empty. Give one."
    assert french(error) == "Le champ « titre en anglais » est vide. Remplissez-le."
    ended = NotFound(
        "The project {slug!r} was ended on {ended}.", slug="onco", ended=datetime(2026, 5, 1, tzinfo=UTC)
    )
    assert ended.message == "The project 'onco' was ended on 2026-05-01 00:00 UTC."
    assert french(ended) == "Le projet « onco » a pris fin le 1er mai 2026 à 00:00 UTC."
    many = Phrase("{a} {b} {c}", a=date(2026, 5, 1), b=1.5, c=("x", Phrase("title")))
    assert str(many) == "2026-05-01 1.5 x, title"
    assert phrase_text(many, "fr", translator("fr")) == "1er mai 2026 1,5 x, titre"


def test_a_value_that_is_missing_costs_no_sentence() -> None:
    assert str(NotFound("{slug} has no revision {number}.", slug="a")) == "a has no revision …."


def test_an_error_keeps_what_it_says_over_pickle() -> None:
    error = pickle.loads(pickle.dumps(NotFound("There is no event {sequence}.", sequence=3, advice="Look.")))  # noqa: S301
    assert str(error) == "There is no event 3. Look."
    assert french(error).startswith("Il n’y a pas d’événement 3.")


# --- pages ---


def test_the_page_of_a_flows_error_speaks_french(console: Running) -> None:
    answer = page(console, "projects/nowhere", "fr")
    assert answer.status_code == 404
    assert "Il n’y a pas de projet « nowhere »." in answer.text
    assert "There is no" not in answer.text
    assert "There is no project &#39;nowhere&#39;." in page(console, "projects/nowhere", "en").text


def test_a_form_says_a_flows_noun_and_days_in_french(console: Running) -> None:
    approval = {"reference": "E-1", "controller": "CHU", "purpose": "study", "legal_basis": "consent"}
    sent = approval | {"start": "2027-03-02", "until": "2027-01-31"}
    answer = page(console, "projects/onco?do=approve", "fr", **sent)
    assert answer.status_code == 400
    assert "La fin (1er février 2027 à 00:00 UTC) viendrait avant le début (2 mars 2027" in answer.text
    assert "00:00 UTC) : autorisation." in answer.text
    assert "Donnez une fin plus tard ou un début plus tôt." in answer.text


def page(console: Running, path: str, language: str, **form: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept-Language": language}
    if form:
        return requests.post(f"{console.url}{path}", form, headers=headers, timeout=30)
    return requests.get(f"{console.url}{path}", headers=headers, timeout=30)
