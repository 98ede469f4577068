"""The console's pages: a module per area; an address and its handler each."""

from __future__ import annotations

from tornado.web import RequestHandler

from hub_ext.services.console.pages import home, language, requests

Routes = tuple[tuple[str, type[RequestHandler]], ...]

ROUTES: Routes = (*home.ROUTES, *language.ROUTES, *requests.ROUTES)
