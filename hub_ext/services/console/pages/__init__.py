"""The console's pages: a module per area; an address and its handler each."""

from __future__ import annotations

from tornado.web import RequestHandler

from hub_ext.services.console.pages import (
    accounting,
    audit,
    audit_access,
    blocks,
    catalogue,
    dataset_edit,
    datasets,
    gpus,
    grants,
    home,
    image_browse,
    image_checks,
    image_contents,
    image_edit,
    image_variables,
    images,
    language,
    people,
    project_edit,
    projects,
    quarantine,
    queue,
    requests,
    sessions,
)

Routes = tuple[tuple[str, type[RequestHandler]], ...]

ROUTES: Routes = (
    *home.ROUTES,
    *blocks.ROUTES,
    *image_browse.ROUTES,
    *image_checks.ROUTES,
    *image_contents.ROUTES,
    *image_edit.ROUTES,
    *image_variables.ROUTES,
    *images.ROUTES,
    *catalogue.ROUTES,
    *dataset_edit.ROUTES,
    *datasets.ROUTES,
    *quarantine.ROUTES,
    *grants.ROUTES,
    *language.ROUTES,
    *people.ROUTES,
    *project_edit.ROUTES,
    *projects.ROUTES,
    *requests.ROUTES,
    *sessions.ROUTES,
    *accounting.ROUTES,
    *gpus.ROUTES,
    *queue.ROUTES,
    *audit.ROUTES,
    *audit_access.ROUTES,
)
