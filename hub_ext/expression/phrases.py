"""What flows and adapters say (`errors`, findings of the doctor), in their reader's language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time

from hub_ext.errors import HubExtError
from hub_ext.expression.words import Words, day, number_text
from hub_ext.phrase import MISSING, Phrase, Value


def phrase_text(phrase: Phrase, language: str, translate: Callable[[str], str]) -> str:
    """The phrase in "fr" or else English; `translate` knows the French of a template."""
    if language != "fr" or not phrase:  # gettext's "" is its header
        return str(phrase)

    def shown(value: Value, quoted: bool) -> str:
        match value:
            case Phrase():
                return phrase_text(value, language, translate)
            case datetime():
                return f"{day(value, language)} à {value.astimezone(UTC):%H:%M} UTC"
            case date():
                return day(datetime.combine(value, time.min, UTC), language)
            case tuple():
                return ", ".join(shown(one, quoted) for one in value)
            case str():
                return f"« {value} »" if quoted else value
        return MISSING if value is None else number_text(value, language)

    return phrase.filled(translate(phrase.template), shown)


def error_words(error: HubExtError, language: str, translate: Callable[[str], str]) -> Words:
    """What failed, and the next step."""
    return Words(
        phrase_text(error.fact, language, translate), phrase_text(error.next_step, language, translate)
    )
