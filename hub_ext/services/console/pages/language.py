"""The choice of a language, remembered by the browser for the Hub's pages too."""

from __future__ import annotations

from urllib.parse import urlsplit

from hub_ext.expression.languages import LANGUAGE_COOKIE, LANGUAGES
from hub_ext.services.console.page import PageHandler

YEAR_DAYS = 365


class LanguagePage(PageHandler):
    """POST only."""

    async def post(self) -> None:
        """Remembers the language and goes back to where the visitor was."""
        chosen = self.get_body_argument("language", "")
        if chosen in LANGUAGES:
            self.set_cookie(LANGUAGE_COOKIE, chosen, path="/", expires_days=YEAR_DAYS, samesite="Lax")
        back = self.get_body_argument("back", "")
        safe = back.startswith(self.console.prefix) and not urlsplit(back).netloc and "\\" not in back
        self.redirect(back if safe else self.console.prefix, status=303)


ROUTES = ((r"language", LanguagePage),)
