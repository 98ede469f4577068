"""What the console answers before it can work: nothing here needs anything that could have failed."""

from __future__ import annotations

import html
import json
import os

from tornado import web

AGAIN_SECONDS = 5
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
# Plain HTML in both languages: words and templates may be what is missing.
PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>hub-ext</title></head>
<body>
<main>
<h1>The console is not ready</h1>
<p>It tries again every few seconds; its log says why. Notebook servers are not affected.</p>
<p><a href="{hub}home">My servers</a></p>
<section lang="fr">
<h2>La console n’est pas prête</h2>
<p>Elle réessaie toutes les quelques secondes ; son journal technique dit pourquoi. Les serveurs de
notebooks ne sont pas touchés.</p>
<p><a href="{hub}home">Mes serveurs</a></p>
</section>
</main>
</body>
</html>
"""


class NotReady(web.RequestHandler):
    """503 to people and programs, whatever they ask."""

    def set_default_headers(self) -> None:
        """On every answer."""
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def check_xsrf_cookie(self) -> None:
        """Nothing is done here that another page could want done."""

    def prepare(self) -> None:
        """The answer to any method."""
        # Only the Hub asks without the proxy between: it waits for less than 500, and would end without it.
        if "X-Forwarded-For" not in self.request.headers:
            self.finish("not ready\n")
            return
        self.set_status(503)
        self.set_header("Retry-After", str(AGAIN_SECONDS))
        if "/api/" in self.request.path:
            self.set_header("Content-Type", "application/problem+json")
            self.finish(
                json.dumps({"type": "about:blank", "title": "The console is not ready", "status": 503})
            )
            return
        hub = os.environ.get("JUPYTERHUB_BASE_URL", "/").rstrip("/") + "/hub/"
        self.finish(PAGE.format(hub=html.escape(hub)))


def application() -> web.Application:
    """Answers so at every address."""
    return web.Application([(r".*", NotReady)], log_function=lambda handler: None)
