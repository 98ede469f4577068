"""Where browsers find servers: an origin for each person and project, apart from the Hub's.

A page of one server reads what its own origin answers. Servers of one person may belong to several projects,
and data of two projects never meet; so each pair has a name of its own below `c.HubExt.subdomain_host`, which
tells nothing of either. The Hub's own name serves no content of a server to a browser.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from hub_ext.settings import Settings

_LABEL_LETTERS = 26  # of base32: 130 bits; a label of the DNS has 63 at most


@dataclass(frozen=True, slots=True)
class Origins:
    """`hub` is the Hub's origin ("http://localhost:8000"), "" where all answer to whatever name was asked."""

    hub: str
    _below: SplitResult | None
    _one: str
    _key: bytes

    @classmethod
    def of(cls, settings: Settings, key: bytes) -> Origins:
        """The origins that the settings name. `key` is the gate's."""
        below = urlsplit(settings.subdomain_host) if settings.subdomain_host else None
        return cls(origin_of(settings.public_url), below, origin_of(settings.servers_url), key)

    def server(self, person_id: str, project: str) -> str:
        """The origin of that person's servers in that project; "" where there is no other than the Hub's."""
        if self._below is None:
            return self._one
        pair = f"origin {len(person_id)} {person_id} {project}".encode()
        digest = hmac.new(self._key, pair, hashlib.sha256).digest()
        label = base64.b32encode(digest).decode().lower()[:_LABEL_LETTERS]
        return f"{self._below.scheme}://s{label}.{self._below.netloc}".lower()


def origin_of(url: str) -> str:
    """SCHEME://HOST[:PORT] of a URL, in lower case; "" of none."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.netloc else ""


def host_of(origin: str) -> str:
    """HOST[:PORT] of an origin, as a Host header has it."""
    return origin.partition("://")[2]
