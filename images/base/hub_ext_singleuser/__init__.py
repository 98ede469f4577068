"""JupyterHub's single-user server, sooner: what a server never uses is read when somebody does use it.

`jupyterhub.singleuser` imports the Hub's database layer (its ORM, SQLAlchemy, alembic) and the handlers of
the Hub's pages, for a few names that no single-user server ever needs. That is half of what it reads. Here
those modules come with their first use, and whoever imports them later has them as ever.

The command `jupyterhub-singleuser` of these images starts it.
"""

from typing import Any

__version__ = "1.0.0"


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from hub_ext_singleuser.server import SingleUser

    return [{"module": "hub_ext_singleuser", "app": SingleUser}]
