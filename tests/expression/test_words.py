"""Every "no" and every end in both languages, with a next step, and nothing that is not for its reader."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_ext.expression.endings import ENDINGS
from hub_ext.expression.reasons import SENTENCES, VARIANTS
from hub_ext.expression.words import (
    PHRASES,
    Words,
    day,
    ending,
    last_day,
    refusal_html,
    refusal_text,
    sentence,
    size_text,
)
from hub_ext.hub import options
from hub_ext.model import ProjectState, Reason, Refusal, StopReason
from hub_ext.model import ReasonCode as Code
from hub_ext.policy.launch import decide

from ..policy.test_launch_reasons import ALONE
from ..policy.worlds import FACTS, REQUEST

GIB = 1024**3
END_OF_3_MAY = datetime(2026, 5, 3, 22, tzinfo=UTC)  # midnight in Paris
PARIS = timezone(timedelta(hours=2))


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("code", Code)
def test_every_reason_has_a_sentence_and_a_next_step(code: Code, language: str):
    words = sentence(Reason(code, "x"), language)
    for text in (words.fact, words.advice):
        assert re.fullmatch(r'["«A-ZÀ-ÖØ-Þ].*\.', text)


@pytest.mark.parametrize("table", [SENTENCES, VARIANTS, ENDINGS])
def test_the_two_languages_differ_and_show_the_same(table):
    for key, sentences in table.items():
        for text in sentences:
            assert text.en != text.fr, key
            fields = [{name for _, name, _, _ in Formatter().parse(said)} for said in (text.en, text.fr)]
            assert fields[0] == fields[1], key


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("case", ALONE, ids=[case[0] for case in ALONE])
def test_the_decision_gives_every_fact_that_its_sentence_shows(case, language: str):
    decision = decide(*case[1](REQUEST, FACTS))
    text = refusal_text(decision, language)
    assert "…" not in text
    assert "Ada" not in text  # what a steward wrote down, and other people's names
    assert "/data/" not in text
    for shown in ("{", "}", "datetime", "sha256"):
        assert shown not in text


def test_what_was_asked_is_shown_as_people_write_it():
    ended = Reason(Code.GRANT_ENDED, "mri", (("until", END_OF_3_MAY), ("contact", "mri-access@example.org")))
    assert sentence(ended, "en", PARIS) == Words(
        'Your access to "mri" ended on 3 May 2026.',
        'Ask its steward (mri-access@example.org) to renew it, or untick "mri" to start now.',
    )
    assert sentence(ended, "fr", PARIS) == Words(
        "Votre accès à « mri » a pris fin le 3 mai 2026.",
        "Demandez à son responsable (mri-access@example.org) de le renouveler, ou décochez « mri » pour "
        "démarrer maintenant.",
    )
    above = Reason(
        Code.MEM_ABOVE_CEILING, "l", (("asked", 16 * GIB), ("ceiling", 1.5 * GIB), ("set_by", "project"))
    )
    assert sentence(above, "en").fact == 'The size "l" has 16 GiB of memory; the project allows 1.5 GiB.'
    assert sentence(above, "fr").fact == "La taille « l » a 16 Gio de mémoire ; le projet en permet 1,5 Gio."


def test_sentences_that_depend_on_their_facts():
    def fact(reason: Reason) -> str:
        return sentence(reason, "en").fact

    assert fact(Reason(Code.ALREADY_RUNNING, "b")).startswith('Your server "b" runs')
    assert fact(Reason(Code.ALREADY_RUNNING)).startswith("Your server runs")
    assert fact(Reason(Code.VOLUME_QUARANTINED, "onco", (("volume", "home"),))).startswith("Your home")
    assert fact(Reason(Code.VOLUME_QUARANTINED, "onco", (("volume", "project"),))).startswith("The shared")
    assert fact(Reason(Code.GPUS_NONE_FREE, "", (("working", 0),))) == "No GPU is at work here."
    other = Reason(Code.OTHER_PROJECT_RUNNING, "cardio", (("projects", 1),))
    assert sentence(other, "en").advice == 'Stop it first, or choose the project "cardio".'
    assert sentence(replace(other, shown=(("projects", 2),)), "fr").advice == "Arrêtez-le d’abord."
    waiting = Reason(Code.GPUS_NONE_FREE, "", (("asked", 1), ("free", 0), ("lease_end", END_OF_3_MAY)))
    assert sentence(waiting, "en", PARIS).advice.endswith(
        "The first one is free by 4 May 2026, 00:00 at the latest."
    )
    assert sentence(Reason(Code.IMAGE_RETIRED, "a", (("successor", "b"),)), "fr").advice == (
        "Choisissez « b », qui le remplace."
    )


def test_an_exclusive_end_shows_the_last_day_that_was_covered():
    assert last_day(END_OF_3_MAY, "en", PARIS) == "3 May 2026"
    assert day(END_OF_3_MAY, "en", PARIS) == "4 May 2026"
    assert day(datetime(2026, 5, 1, tzinfo=UTC), "fr") == "1er mai 2026"
    assert day(datetime(2026, 5, 1, tzinfo=UTC), "en") == "1 May 2026"


def test_months_are_written_without_the_machine_s_locale():
    said = [day(datetime(2026, month, 9, tzinfo=UTC), "fr").split()[1] for month in range(1, 13)]
    assert said[:3] + said[-5:] == [
        *("janvier", "février", "mars", "août", "septembre", "octobre", "novembre", "décembre")
    ]


@pytest.mark.parametrize(
    ("size", "english", "french"),
    [
        (512 * 1024**2, "512 MiB", "512 Mio"),
        (2 * GIB, "2 GiB", "2 Gio"),
        (2 * GIB - 1, "1.9 GiB", "1,9 Gio"),
        (0, "0 MiB", "0 Mio"),
        (700, "700 B", "700 o"),
        (3994, "3.9 KiB", "3,9 Kio"),
        (2**40 * 3 // 2, "1.5 TiB", "1,5 Tio"),
    ],
)
def test_sizes_are_cut_and_never_rounded_up(size, english, french):
    assert (size_text(size, "en"), size_text(size, "fr")) == (english, french)


@given(st.text(max_size=2000), st.text(max_size=200), st.sampled_from(["en", "fr"]))
def test_what_strangers_sent_is_shown_short_and_harmless(subject: str, problem: str, language: str):
    refusal = Refusal((Reason(Code.OPTIONS_INVALID, subject, (("problem", problem),)),))
    text = refusal_text(refusal, language)
    assert text.isprintable()
    assert len(text) < 400
    assert _tags(refusal_html(refusal, language)) == ["ul", "li", "strong"]


def _tags(html: str) -> list[str]:
    found: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attributes: object) -> None:
            found.append(tag)

    parser = Parser()
    parser.feed(html)
    parser.close()
    return found


def test_a_refusal_is_a_list_of_every_reason_once():
    refusal = Refusal(
        (
            Reason(Code.OPTIONS_INVALID, "<img src=x onerror=alert(1)>", (("problem", "unknown-key"),)),
            Reason(Code.SIZE_UNKNOWN, "a&b"),
            Reason(Code.SIZE_UNKNOWN, "a&b", (("unseen", 1),)),
        )
    )
    assert refusal_html(refusal, "en") == (
        '<ul class="hub-ext-reasons">'
        "<li>&quot;&lt;img src=x onerror=alert(1)&gt;&quot; cannot be used: there is no such choice. "
        "<strong>Choose again on the start page.</strong></li>"
        "<li>There is no size &quot;a&amp;b&quot;. <strong>Choose again on the start page.</strong></li>"
        "</ul>"
    )
    assert refusal_text(refusal, "en").count("\n") == 1


def test_every_state_and_every_problem_has_its_phrase():
    assert {state.value for state in ProjectState} - {"active"} <= set(PHRASES)
    assert {"site", "project", "image"} <= set(PHRASES)
    hostile = [
        "x",
        {"a": 1},
        dict.fromkeys("abcdefghi", 1),
        {**_GOOD, "datasets": "x"},
        {**_GOOD, "gpus": "x"},
    ]
    hostile += [{**_GOOD, "datasets": datasets} for datasets in (["a"] * 2, ["a"] * 99, ["../x"])]
    for asked in hostile:
        refused = options.parse(asked, launch_id="l", person_id="p", server_name="")
        assert isinstance(refused, Refusal)
        assert {dict(reason.shown)["problem"] for reason in refused.reasons} <= set(PHRASES)


_GOOD = {"project": "p", "environment": "e", "size": "s", "gpus": 0, "datasets": []}


@pytest.mark.parametrize("reason", StopReason)
def test_every_end_is_told_with_a_next_step(reason: StopReason):
    for language in ("en", "fr"):
        words = ending(reason, language)
        assert words.fact.endswith(".")
        assert words.advice.endswith(".")
