"""What can fail, as opposed to what is refused (`model.Refusal`).

HubExtError                 every failure that we raise; carries advice
├── SettingsError           a setting is missing or contradicts another
├── InputError              something a person typed or sent cannot be used
├── StoreError              the store cannot be read or written
│   ├── NotFound            no such person, project, dataset, image, …
│   └── Conflict            it exists already, or was changed by somebody else meanwhile
│       └── Stale           what was edited is not any more what its editor saw
├── EngineError             the Docker engine failed, or what it says cannot be trusted
│   ├── EngineUnreachable   no answer within the time allowed: unknown, never "gone"
│   ├── ImageUnavailable    the engine cannot have the image's bytes
│   └── PlanMismatch        a created container differs from its plan
├── RegistryError           the registry failed
│   ├── RegistryUnreachable no answer, or no trusted TLS
│   ├── RegistryDenied      it refused our credentials
│   └── ManifestUnknown     no such repository, tag or digest
├── NetworkError            the closed network is not as it must be
├── MailError               a letter was not taken by the mail server
└── LaunchFailed            a server did not come up, or ended by itself
"""

from __future__ import annotations

from hub_ext.phrase import Phrase, Value


class HubExtError(Exception):
    """A failure with a sentence for its reader and the next step.

    Both are templates with named values, `NotFound("There is no event {number}.", number=number)`, which
    faces word in their reader's language; `str()` is the English. A template without values is a sentence
    as it stands. `advice` is for whoever can mend it. Neither text names a secret. `cause`, where set, is a
    short code from which a page words the failure for a researcher, who must not see hosts and paths.
    """

    cause = ""

    def __init__(
        self, template: str, /, *, advice: str | Phrase = "", cause: str = "", **values: Value
    ) -> None:
        self.fact = Phrase(template, **values)
        self.next_step = advice if isinstance(advice, Phrase) else Phrase(advice, **values)
        super().__init__(self.message)
        if cause:
            self.cause = cause

    @property
    def message(self) -> str:
        """The fact, in English."""
        return str(self.fact)

    @property
    def advice(self) -> str:
        """The next step, in English; "" where there is none."""
        return str(self.next_step)

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


class SettingsError(HubExtError):
    """A setting is missing or contradicts another."""


class InputError(HubExtError):
    """Something a person typed or sent cannot be used."""


class StoreError(HubExtError):
    """The store cannot be read or written."""


class NotFound(StoreError):
    """No such person, project, dataset, image, …"""


class Conflict(StoreError):
    """It exists already, or was changed by somebody else meanwhile."""

    stale = False


class Stale(Conflict):
    """What was edited is not any more what its editor saw."""

    stale = True


class EngineError(HubExtError):
    """The Docker engine failed, or what it says cannot be trusted."""


class EngineUnreachable(EngineError):
    """No answer within the time allowed: unknown, never "gone"."""


class ImageUnavailable(EngineError):
    """The engine cannot have the image's bytes."""


class PlanMismatch(EngineError):
    """A created container differs from its plan."""


class RegistryError(HubExtError):
    """The registry failed."""


class RegistryUnreachable(RegistryError):
    """No answer, or no trusted TLS."""


class RegistryDenied(RegistryError):
    """The registry refused our credentials."""


class ManifestUnknown(RegistryError):
    """No such repository, tag or digest."""


class NetworkError(HubExtError):
    """The closed network is not as it must be."""


class MailError(HubExtError):
    """A letter was not taken. `lasting`: another try would not help."""

    def __init__(self, template: str, /, *, lasting: bool = False, cause: str = "", **values: Value) -> None:
        super().__init__(template, advice="", cause=cause, **values)
        self.lasting = lasting


class LaunchFailed(HubExtError):
    """A server did not come up, or ended by itself."""
