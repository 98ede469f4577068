"""The console's pages: a module per area; an address and its handler each."""

from __future__ import annotations

from tornado.web import RequestHandler

from hub_ext.services.console.pages import (
    dataset_edit,
    datasets,
    grants,
    home,
    image_edit,
    images,
    language,
    requests,
)

Routes = tuple[tuple[str, type[RequestHandler]], ...]

ROUTES: Routes = (
    *home.ROUTES,
    *language.ROUTES,
    *image_edit.ROUTES,
    *images.ROUTES,
    *dataset_edit.ROUTES,
    *datasets.ROUTES,
    *grants.ROUTES,
    *requests.ROUTES,
)
