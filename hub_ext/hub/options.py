"""What a person asks for: the spawn form's fields in, `user_options` out, and their strict parsing.

`user_options` is hostile: the Hub stores it before we see it, and REST callers set it directly. It is a
dict of at most {"project": slug, "environment": slug, "datasets": [slug, …], "size": slug, "gpus": int,
"terms": {slug: int, …}, "wait": bool}; "terms" names the terms of use that are accepted with this start,
"wait" says that it stands in line where no GPU is free.
Never paths, digests or bytes; no key named "image", which DockerSpawner reads itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hub_ext.model import SLUG, LaunchRequest, Reason, ReasonCode, Refusal

KEYS = ("project", "environment", "datasets", "size", "gpus", "terms", "wait")
MOST_DATASETS = 50
MOST_GPUS = 16
MOST_TERMS = 99_999  # versions of one dataset's terms

# What the form's tick box for waiting in line sends.
TICKED = "yes"
# What the form's tick boxes beside terms send.
_TICKED = re.compile(rf"({SLUG.pattern}):([0-9]{{1,5}})")
_DIGITS = re.compile(r"[0-9]{1,2}")
# Longer texts are cut before the Hub stores them; a slug has at most 40 characters.
_KEPT_CHARACTERS = 80
_KEPT_VALUES = MOST_DATASETS + 1


def parse(options: object, *, launch_id: str, person_id: str, server_name: str) -> LaunchRequest | Refusal:
    """The request that these options are, or every reason why they are none.

    Costs the same for 1 MiB as for ten characters: lengths are looked at before contents. Empty options
    (None or {}) are refused with OPTIONS_EMPTY; whoever has a default tries it before.
    """
    if options is None or options == {}:
        return Refusal((Reason(ReasonCode.OPTIONS_EMPTY),))
    if not isinstance(options, dict):
        return Refusal((_invalid("options", "not-an-object"),))
    reasons = [_invalid(shown_key(key), "unknown-key") for key in list(options)[:10] if key not in KEYS]
    if len(options) > len(KEYS):
        reasons.append(_invalid("options", "too-many-keys"))
    for key in ("project", "environment", "size"):
        if not is_slug(options.get(key)):
            reasons.append(_invalid(key, "missing" if key not in options else "not-a-slug"))
    datasets = options.get("datasets", [])
    problem = _datasets_problem(datasets)
    if problem:
        reasons.append(_invalid("datasets", problem))
    gpus = options.get("gpus", 0)
    # bool is an int: True would be one GPU.
    if type(gpus) is not int or not 0 <= gpus <= MOST_GPUS:
        reasons.append(_invalid("gpus", "not-a-small-number"))
    terms = options.get("terms", {})
    if problem := _terms_problem(terms):
        reasons.append(_invalid("terms", problem))
    wait = options.get("wait", False)
    if type(wait) is not bool:
        reasons.append(_invalid("wait", "not-yes-or-no"))
    if reasons:
        return Refusal(tuple(reasons))
    return LaunchRequest(
        launch_id=launch_id,
        person_id=person_id,
        server_name=server_name,
        project=options["project"],
        environment=options["environment"],
        datasets=tuple(datasets),
        size=options["size"],
        gpus=gpus,
        accepts=tuple(terms.items()),
        wait=wait,
    )


def from_form(form: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The form's fields as `user_options`, cut to a size that may be stored, and not judged here.

    Judging happens in `start()`, where a refusal is written down. Fields that the form does not have are
    kept, so that they are refused there.
    """
    options: dict[str, Any] = {}
    for field, values in list(form.items())[: 2 * len(KEYS)]:
        if field == "_xsrf":
            continue
        kept = [
            _cut(value) if isinstance(value, str) else "(file)"
            for value in values[:_KEPT_VALUES]
            if value != ""
        ]
        if field == "datasets":
            options[field] = kept
        elif field == "terms":
            # What is not "slug:number" stays as it came, and is refused.
            ticked = [_TICKED.fullmatch(value) for value in kept]
            options[field] = {match[1]: int(match[2]) for match in ticked if match} if all(ticked) else kept
        elif len(kept) == 1:
            options[_cut(field)] = kept[0]
        elif kept:
            options[_cut(field)] = kept
    gpus = options.get("gpus")
    if isinstance(gpus, str) and _DIGITS.fullmatch(gpus):
        options["gpus"] = int(gpus)
    if options.get("wait") == TICKED:
        options["wait"] = True
    return options


def is_slug(value: object) -> bool:
    """Whether this is a slug; cheap for any length."""
    return isinstance(value, str) and len(value) <= 40 and SLUG.fullmatch(value) is not None


def shown_key(key: object) -> str:
    """A key that a stranger chose, safe to show and to log: short, printable, ASCII."""
    text = key if isinstance(key, str) else type(key).__name__
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text[:40])


def _datasets_problem(datasets: object) -> str:
    if not isinstance(datasets, list | tuple):
        return "not-a-list"
    if len(datasets) > MOST_DATASETS:
        return "too-many"
    if not all(is_slug(slug) for slug in datasets):
        return "not-a-slug"
    if len(set(datasets)) != len(datasets):
        return "twice"
    return ""


def _terms_problem(terms: object) -> str:
    if not isinstance(terms, dict):
        return "not-an-object"
    if len(terms) > MOST_DATASETS:
        return "too-many"
    if not all(is_slug(slug) for slug in terms):
        return "not-a-slug"
    if not all(type(number) is int and 0 < number <= MOST_TERMS for number in terms.values()):
        return "not-a-small-number"
    return ""


def _cut(text: str) -> str:
    return text if len(text) <= _KEPT_CHARACTERS else text[:_KEPT_CHARACTERS] + "…"


def _invalid(subject: str, problem: str) -> Reason:
    return Reason(ReasonCode.OPTIONS_INVALID, subject, (("problem", problem),))
