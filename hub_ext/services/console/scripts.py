"""The one script of a page: htmx and ours, together, so that no page asks twice."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from tornado import web

from hub_ext.services.console.base import SECURITY_HEADERS

OURS = Path(__file__).parent / "static" / "ours.js"


@cache
def script(htmx_file: Path | None) -> bytes:
    """The script's text; without htmx pages work by whole requests only."""
    parts = [OURS]
    if htmx_file is not None and htmx_file.exists():
        parts.insert(0, htmx_file)
    return b"\n;\n".join(part.read_bytes() for part in parts)


class ScriptHandler(web.RequestHandler):
    """Asked for again by every page, answered with "not modified"."""

    def initialize(self, htmx_file: Path | None) -> None:
        """Called by tornado with the route's arguments."""
        self.htmx_file = htmx_file

    def set_default_headers(self) -> None:
        """As everywhere, but it may be kept."""
        for name, value in SECURITY_HEADERS.items():
            self.set_header(name, value)
        self.set_header("Cache-Control", "no-cache")

    def get(self) -> None:
        """The script."""
        text = script(self.htmx_file)
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("ETag", f'"{hashlib.sha256(text).hexdigest()[:32]}"')
        if self.check_etag_header():
            self.set_status(304)
            return
        self.write(text)
