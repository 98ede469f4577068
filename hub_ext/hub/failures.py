"""What the Hub is told when a server does not start: exceptions whose text its reader can use.

The Hub shows `jupyterhub_message` and `jupyterhub_html_message` of an exception, in the form, on the pending
page and in the API. Without them the reader sees the text of the log, or nothing.
"""

from __future__ import annotations

from datetime import tzinfo
from html import escape

from jupyterhub.spawner import SpawnException

from hub_ext.errors import (
    EngineError,
    EngineUnreachable,
    HubExtError,
    ImageUnavailable,
    PlanMismatch,
    StoreError,
)
from hub_ext.expression import words
from hub_ext.hub.pages import translated
from hub_ext.model import Refusal

# A researcher reads these: no host, no path, no advice that only an operator can follow.
CAUSES = {
    "registry-silent": "The registry, from which the environment comes, does not answer.",
    "registry-denied": "The registry, from which the environment comes, refused our password.",
    "registry-untrusted": "The registry's certificate is not one that the engine trusts.",
    "registry-unknown": "The environment's registry is not configured any more.",
    "image-gone": "The registry does not have this environment any more. Choose another one to start now.",
    "disk-full": "The disk is full: the environment does not fit.",
    "pull-too-slow": "Fetching the environment took too long.",
    "no-address": "As many servers run as the closed network has addresses. Try again once one has ended.",
    "volume-gone": "Your home or the project's folder is missing, and nothing is started without it.",
    "plan-mismatch": "The server would not have been what was decided, and was removed.",
    "out-of-memory": "The server ran out of memory while it started. Choose a larger size.",
    "silent": "The server did not answer in time. A larger size, or another try, may help.",
    "ended": "The server ended by itself while it started.",
    "stopped": "The server was stopped while it started.",
}
_CLASSES: tuple[tuple[type[HubExtError], str], ...] = (
    (
        EngineUnreachable,
        "The engine that runs the servers does not answer. Servers that run are not affected.",
    ),
    (ImageUnavailable, "The environment could not be fetched."),
    (PlanMismatch, CAUSES["plan-mismatch"]),
    (EngineError, "The engine that runs the servers failed."),
    (StoreError, "The record cannot be written, and nothing is started without it."),
)
OTHERWISE = "Something of ours failed."
TELL = "If it lasts, give the operators this number: {launch_id}."


class Refused(SpawnException):
    """An expected "no", with every reason and its advice."""

    def __init__(self, refusal: Refusal, language: str, time_zone: tzinfo) -> None:
        codes = ", ".join(sorted({reason.code.value for reason in refusal.reasons}))
        self.jupyterhub_message = words.refusal_text(refusal, language, time_zone)
        self.jupyterhub_html_message = words.refusal_html(refusal, language, time_zone)
        # 409 and not 403: browsers and API clients take 403 for "sign in again".
        super().__init__(
            self.jupyterhub_message, reason="refused", log_message=f"refused: {codes}", status_code=409
        )


class Failed(SpawnException):
    """A failure that is nobody's choice, in one sentence."""

    def __init__(self, error: HubExtError, launch_id: str, language: str) -> None:
        text = f"{sentence(error, language)} {translated(TELL, language).format(launch_id=launch_id)}"
        self.jupyterhub_message = text
        self.jupyterhub_html_message = f"<p>{escape(text)}</p>"
        super().__init__(text, reason="failed", log_message=f"{launch_id}: {error}", status_code=503)


class OnlyPrefill(Exception):
    """Not a failure: a link's options belong into the form, and nothing is started by following a link.

    The Hub's handler starts the server with whatever `options_from_query` returns; raising is the way to
    the form. Both messages are None, so that the form shows no error.
    """

    jupyterhub_message = None
    jupyterhub_html_message = None


def sentence(error: HubExtError, language: str) -> str:
    """What failed, for a researcher."""
    text = CAUSES.get(error.cause)
    if text is None:
        text = next((text for kind, text in _CLASSES if isinstance(error, kind)), OTHERWISE)
    return translated(text, language)
