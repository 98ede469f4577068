"""JupyterHubSingleUser without the Hub's other half, asking the Hub for its version once it listens."""

import asyncio
import gc

import jupyterhub  # noqa: F401 - the parent of what is read later
from tornado.web import RequestHandler

from hub_ext_singleuser.reading import read_later, stood_in


class HealthCheckHandler(RequestHandler):
    """The Hub's, whose requests are logged at a level of their own: no single-user server has it."""


class SQLAlchemyError(Exception):
    """What the Hub catches where it writes into its database."""


# The Hub's database, and what JupyterLab asks the internet with, which is out of reach here.
with (
    read_later("sqlalchemy", "jupyterhub.orm", "jupyterhub.roles", "requests"),
    stood_in(
        {
            "jupyterhub.handlers": {},
            "jupyterhub.handlers.pages": {"HealthCheckHandler": HealthCheckHandler},
            "sqlalchemy.exc": {"SQLAlchemyError": SQLAlchemyError},
            # aiohttp then resolves names as all other programs do; the Hub has a number anyway.
            "aiodns": None,
        }
    ),
):
    import jupyterlab_server.listings_handler  # noqa: F401 - holds requests
    from jupyterhub.singleuser.extension import JupyterHubSingleUser


class SingleUser(JupyterHubSingleUser):
    """As JupyterHub's own, which it is in all but the order of things."""

    async def check_hub_version(self) -> None:
        """Begun here, and done once the server listens: right now the Hub is busy with starts."""
        self._check = asyncio.ensure_future(self._check_hub_version())

    async def _check_hub_version(self) -> None:
        # The command turned it off. What was read so far is used for good, and is not looked through again.
        gc.freeze()
        gc.enable()
        await super().check_hub_version()


def main() -> None:
    """Runs the server until it is told to end."""
    SingleUser.launch_instance()
