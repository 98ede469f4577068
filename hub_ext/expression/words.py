"""What a person reads: refusals, and why a server ended; the fact, and the next step.

Only what stands in a `Reason` is shown, cut and without control characters, for subjects may come from
strangers. "Until" instants are exclusive: the day shown is the last one that was covered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from html import escape

from hub_ext.expression.endings import ENDINGS
from hub_ext.expression.reasons import SENTENCES, VARIANTS
from hub_ext.expression.sentences import Sentences
from hub_ext.expression.units import time_written
from hub_ext.model import Localised, Reason, ReasonCode, Refusal, StopReason

MOST_CHARACTERS = 80
MOST_SAID = 500  # what operators and stewards say to people

MONTHS = {
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    "fr": (
        *("janvier", "février", "mars", "avril", "mai", "juin"),
        *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    ),
}

# Shown values that are words of ours.
PHRASES = {
    "frozen": Localised("frozen", "gelé"),
    "archived": Localised("archived", "archivé"),
    "deleted": Localised("deleted", "supprimé"),
    "site": Localised("this site", "ce site"),
    "project": Localised("the project", "le projet"),
    "image": Localised("the environment", "l’environnement"),
    "you": Localised("you", "vous"),
    "not-an-object": Localised("it is not an object", "ce n’est pas un objet"),
    "unknown-key": Localised("there is no such choice", "ce choix n’existe pas"),
    "too-many-keys": Localised("there are too many choices", "il y a trop de choix"),
    "missing": Localised("it is missing", "il manque"),
    "not-a-slug": Localised("it is not a name of ours", "ce n’est pas un nom d’ici"),
    "not-a-list": Localised("it is not a list", "ce n’est pas une liste"),
    "too-many": Localised("there are too many", "il y en a trop"),
    "twice": Localised("one is there twice", "un nom y est deux fois"),
    "not-yes-or-no": Localised("it is neither true nor false", "ce n’est ni vrai ni faux"),
    "not-a-small-number": Localised("it is not a small whole number", "ce n’est pas un petit nombre entier"),
}
_PHRASED = ("state", "set_by", "problem", "holder")
_SAID = ("why", "told")


@dataclass(frozen=True, slots=True)
class Words:
    """A fact, and what its reader can do about it; "" where nothing."""

    fact: str
    advice: str

    def __str__(self) -> str:
        return f"{self.fact} {self.advice}".strip()


def sentence(reason: Reason, language: str, time_zone: tzinfo = UTC) -> Words:
    """One reason of a refusal, in "fr" or else English, with days as they are in the site's time zone."""
    fact, advice = _sentences(reason)
    shown = _shown(reason, "fr" if language == "fr" else "en", time_zone)
    return Words(fact.text(language).format_map(shown), advice.text(language).format_map(shown))


def refusal_text(refusal: Refusal, language: str, time_zone: tzinfo = UTC) -> str:
    """Every reason on a line of its own."""
    return "\n".join(str(words) for words in _all(refusal.reasons, language, time_zone))


def refusal_html(refusal: Refusal, language: str, time_zone: tzinfo = UTC) -> str:
    """Every reason as an item of a list. Everything is escaped; the markup is ours alone.

    Templates know by its class who was taken into line.
    """
    items = (
        f"<li>{escape(words.fact)} <strong>{escape(words.advice)}</strong></li>"
        for words in _all(refusal.reasons, language, time_zone)
    )
    in_line = any(reason.code is ReasonCode.GPUS_IN_LINE for reason in refusal.reasons)
    marked = "hub-ext-reasons hub-ext-in-line" if in_line else "hub-ext-reasons"
    return f'<ul class="{marked}">{"".join(items)}</ul>'


def ending(reason: StopReason, language: str) -> Words:
    """Why a server of the reader's was stopped, or ended."""
    fact, advice = ENDINGS[reason]
    return Words(fact.text(language), advice.text(language))


def day(when: datetime, language: str, time_zone: tzinfo = UTC) -> str:
    """A date such as "3 May 2026", or "1er mai 2026"."""
    local = when.astimezone(time_zone)
    number = "1er" if language == "fr" and local.day == 1 else str(local.day)
    month = MONTHS["fr" if language == "fr" else "en"][local.month - 1]
    return f"{number} {month} {local.year}"


def instant(when: datetime, language: str, time_zone: tzinfo = UTC) -> str:
    """A day with its hour and minute."""
    return f"{day(when, language, time_zone)}, {when.astimezone(time_zone):%H:%M}"


def last_day(until: datetime, language: str, time_zone: tzinfo = UTC) -> str:
    """The last day before an exclusive end."""
    return day(until - timedelta(microseconds=1), language, time_zone)


def size_text(size: float, language: str) -> str:
    """Bytes as "512 MiB" or "1.5 GiB"; in French "512 Mio" or "1,5 Gio"."""
    if 0 < size < 1024:
        return f"{int(size)} {'o' if language == 'fr' else 'B'}"
    known = (("T", 1024**4), ("G", 1024**3), ("M", 1024**2), ("K", 1024))
    unit, divisor = next((one for one in known if size >= one[1]), ("M", 1024**2))
    suffix = "io" if language == "fr" else "iB"
    # Cut, not rounded: 1.99 GiB free must not read as the 2 GiB that are asked for.
    return f"{number_text(int(size / divisor * 10) / 10, language)} {unit}{suffix}"


def number_text(value: float, language: str, places: int | None = None) -> str:
    """A number with its decimals, so many `places` of them if given; in French after a comma."""
    if places is not None:
        text = f"{value:.{places}f}"
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    return text.replace(".", ",") if language == "fr" else text


def hours_text(seconds: float, language: str) -> str:
    """Seconds as hours, such as "2" or "0.5"; in French after a comma."""
    return number_text(round(seconds / 3600, 1), language)


def duration_text(seconds: int, language: str) -> str:
    """A length of time such as "7 days", "2 h" or "30 min", in the largest unit in which it is whole."""
    days, rest = divmod(seconds, 24 * 3600)
    if not days or rest:
        return time_written(seconds)
    unit = "jour" if language == "fr" else "day"
    return f"{days} {unit}{'s' if days > 1 else ''}"


def _all(reasons: Iterable[Reason], language: str, time_zone: tzinfo) -> tuple[Words, ...]:
    """Each sentence once: two reasons may differ in what is not shown."""
    return tuple(dict.fromkeys(sentence(reason, language, time_zone) for reason in reasons))


def _sentences(reason: Reason) -> Sentences:
    shown = dict(reason.shown)
    variant = ""
    if reason.code in (ReasonCode.ALREADY_RUNNING, ReasonCode.DATASET_UNKNOWN) and not reason.subject:
        variant = "unnamed"
    elif reason.code is ReasonCode.GPUS_NONE_FREE and shown.get("working") == 0:
        variant = "no-device"
    elif reason.code is ReasonCode.OTHER_PROJECT_RUNNING and shown.get("projects") != 1:
        variant = "several"
    elif reason.code is ReasonCode.LINE_FULL:
        variant = str(shown.get("holder", ""))
    elif reason.code is ReasonCode.IMAGE_RETIRED and shown.get("successor"):
        variant = "successor"
    elif reason.code is ReasonCode.VOLUME_QUARANTINED:
        variant = f"{shown.get('volume', '')}{'-told' if shown.get('told') else ''}"
    elif reason.code is ReasonCode.BLOCKED:
        variant = str(shown.get("scope", ""))
    return VARIANTS.get((reason.code, variant), SENTENCES[reason.code])


class _Shown(dict[str, str]):
    """A fact that a reason does not carry must not cost the reader the sentence."""

    def __missing__(self, key: str) -> str:
        return "…"


def _shown(reason: Reason, language: str, time_zone: tzinfo) -> _Shown:
    raw = dict(reason.shown)
    shown = _Shown(subject=_clean(reason.subject))
    for name, value in raw.items():
        shown[name] = _value(reason.code, name, value, language, time_zone)
    for name in ("on", "until", "from"):
        if isinstance(raw.get(name), datetime):
            shown["date"] = shown[name]
    asked = "Demandez à son responsable" if language == "fr" else "Ask its steward"
    contact = f" ({shown['contact']})" if raw.get("contact") else ""
    shown["ask"] = f"{asked}{contact}"
    shown["ask_small"] = f"{asked[0].lower()}{asked[1:]}{contact}"
    again = raw.get("again")
    shown["again_on"] = _again(again, language, time_zone) if isinstance(again, datetime) else ""
    ends = raw.get("lease_end")
    shown["when_free"] = _when_free(ends, language, time_zone) if isinstance(ends, datetime) else ""
    by = raw.get("by")
    shown["by_then"] = _by_then(by, language, time_zone) if isinstance(by, datetime) else ""
    return shown


def _value(
    code: ReasonCode, name: str, value: str | int | float | datetime, language: str, time_zone: tzinfo
) -> str:
    if isinstance(value, datetime):
        return (last_day if name == "until" else day)(value, language, time_zone)
    if isinstance(value, str):
        phrase = PHRASES.get(value) if name in _PHRASED else None
        return (
            phrase.text(language)
            if phrase
            else _clean(value, MOST_SAID if name in _SAID else MOST_CHARACTERS)
        )
    if name.endswith("_bytes") or (code is ReasonCode.MEM_ABOVE_CEILING and name in ("asked", "ceiling")):
        return size_text(value, language)
    return number_text(value, language)


def _by_then(by: datetime, language: str, time_zone: tzinfo) -> str:
    at = instant(by, language, time_zone)
    if language == "fr":
        return f" Son tour vient au plus tard vers le {at}, en l’état."
    return f" Its turn comes by about {at} at the latest, as things stand."


def _when_free(ends: datetime, language: str, time_zone: tzinfo) -> str:
    at = instant(ends, language, time_zone)
    if language == "fr":
        return f" Le premier sera libre au plus tard le {at}."
    return f" The first one is free by {at} at the latest."


def _again(when: datetime, language: str, time_zone: tzinfo) -> str:
    at = instant(when, language, time_zone)
    return f" C’est prévu pour le {at}." if language == "fr" else f" That is planned for {at}."


def _clean(text: str, most: int = MOST_CHARACTERS) -> str:
    """Short and printable: what strangers sent is shown back to them, and to whoever reads a log."""
    cut = text if len(text) <= most else text[:most] + "…"
    return "".join(letter if letter.isprintable() else "?" for letter in cut)
