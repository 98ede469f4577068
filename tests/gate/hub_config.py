"""The small Hub's settings file."""

import os
from pathlib import Path

from tests.gate.small_hub import HUB_PORT_VARIABLE, PLACE_VARIABLE, AddressSpawner, TableProxy

c = get_config()  # type: ignore[name-defined]  # noqa: F821
place = Path(os.environ[PLACE_VARIABLE])
port = int(os.environ[HUB_PORT_VARIABLE])
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.allow_all = True
c.JupyterHub.spawner_class = AddressSpawner
c.JupyterHub.proxy_class = TableProxy
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.hub_port = port
c.JupyterHub.db_url = f"sqlite:///{place / 'hub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(place / "hub-cookie-secret")
c.JupyterHub.allow_named_servers = True
c.JupyterHub.cleanup_servers = False
c.JupyterHub.services = [{"name": "tests", "api_token": os.environ["TEST_SERVICE_TOKEN"]}]
c.JupyterHub.load_roles = [
    {
        "name": "tests",
        "services": ["tests"],
        "scopes": ["admin:users", "admin:servers", "tokens", "access:servers", "shares!user"],
    },
    {"name": "visitors", "users": ["operator"], "scopes": ["access:servers"]},
]
