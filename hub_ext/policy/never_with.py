"""Which datasets may not meet, in one session or in the history of one volume."""

from __future__ import annotations

from collections.abc import Iterable

from hub_ext.model import Dataset, Reason, ReasonCode


def apart(one: Dataset, other: Dataset) -> ReasonCode | None:
    """Why these two may not meet, read in both directions; None where they may.

    A dataset may always meet itself, also when its own class stands in its `never_with`.
    """
    if one.slug == other.slug:
        return None
    if other.slug in one.decodes or one.slug in other.decodes:
        return ReasonCode.KEY_WITH_DECODED
    if _names(one, other) or _names(other, one):
        return ReasonCode.NEVER_WITH
    return None


def together(chosen: Iterable[Dataset]) -> tuple[Reason, ...]:
    """One reason for each pair of chosen datasets that may not meet, in the order of choice."""
    chosen = tuple(chosen)
    pairs = (
        (one, other, apart(one, other))
        for position, one in enumerate(chosen)
        for other in chosen[position + 1 :]
    )
    return tuple(Reason(code, one.slug, (("other", other.slug),)) for one, other, code in pairs if code)


def with_history(chosen: Iterable[Dataset], exposed: Iterable[Dataset]) -> tuple[Reason, ...]:
    """One reason for each chosen dataset and each one of the volumes' history that may not meet."""
    past = sorted(exposed, key=lambda dataset: dataset.slug)
    codes = {
        ReasonCode.NEVER_WITH: ReasonCode.NEVER_WITH_HISTORY,
        ReasonCode.KEY_WITH_DECODED: ReasonCode.KEY_WITH_DECODED_HISTORY,
    }
    pairs = ((one, other, apart(one, other)) for one in chosen for other in past)
    return tuple(
        Reason(codes[code], one.slug, (("other", other.slug),)) for one, other, code in pairs if code
    )


def _names(one: Dataset, other: Dataset) -> bool:
    return other.slug in one.never_with or other.data_class.value in one.never_with
