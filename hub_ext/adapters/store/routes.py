"""Routes that the Hub asked its proxy for."""

from __future__ import annotations

from hub_ext.adapters.store.rows import Rows, Tx, writing
from hub_ext.adapters.store.tables_doors import routes
from hub_ext.model.doors import Route
from hub_ext.phrase import Phrase

_rows = Rows(routes, Route, Phrase("route"))


def find(tx: Tx, routespec: str) -> Route | None:
    """The route of that specification, or None."""
    return _rows.find(tx, routespec)


def get(tx: Tx, routespec: str) -> Route:
    """The route of that specification. Raises NotFound."""
    return _rows.get(tx, routespec)


def listing(tx: Tx) -> tuple[Route, ...]:
    """All routes, in the order of their specifications."""
    return _rows.all(tx, _rows.select().order_by(routes.c.routespec))


def add(tx: Tx, route: Route) -> None:
    """Raises Conflict for a specification that has a route."""
    _rows.add(tx, route)


def put(tx: Tx, route: Route) -> None:
    """Add the route, or replace the one of the same specification."""
    if _rows.find(tx, route.routespec) is None:
        _rows.add(tx, route)
    else:
        _rows.replace(tx, route)


def remove(tx: Tx, routespec: str) -> None:
    """Remove the route of that specification; nothing where there is none."""
    writing(tx)
    tx.connection.execute(routes.delete().where(routes.c.routespec == routespec))
