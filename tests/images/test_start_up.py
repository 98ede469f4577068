"""What a server reads before it answers, and that nothing is kept from whoever needs it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from tests.images.server import PYTHON, docker

LOOK = """
import json, sys
import hub_ext_singleuser.server
read = set(sys.modules)
import sqlalchemy, requests, aiodns
from jupyterhub import orm, roles
from jupyterhub.handlers.pages import HealthCheckHandler
from jupyterhub.log import log_request
from jupyterhub.scopes import _intersect_expanded_scopes, expand_scopes
from sqlalchemy.exc import SQLAlchemyError
print(json.dumps({
    "database": sorted(name for name in read if name.split(".")[0] in ("sqlalchemy", "alembic")),
    "hub": sorted(read & {"jupyterhub.orm", "jupyterhub.roles", "jupyterhub.handlers", "jupyterhub.app"}),
    "session": sqlalchemy.create_engine("sqlite://").connect().execute(sqlalchemy.text("select 1")).scalar(),
    "orm": orm.User.__tablename__,
    "roles": len(roles.get_default_roles()) > 0,
    "handler": HealthCheckHandler.__module__,
    "error": SQLAlchemyError.__module__,
    "requests": requests.get.__name__,
    "scopes": sorted(_intersect_expanded_scopes({"access:servers"}, {"access:servers!user=ana"})),
}))
"""


def test_the_hub_s_database_is_read_by_whoever_uses_it_and_by_nobody_else(names: Mapping[str, str]) -> None:
    run = ("run", "--rm", "--network=none", "--env=HOME=/tmp", "--tmpfs=/tmp", names["base"])
    seen = json.loads(docker(*run, PYTHON, "-c", LOOK))
    assert seen == {
        "database": [],
        "hub": [],
        "session": 1,
        "orm": "users",
        "roles": True,
        "handler": "jupyterhub.handlers.pages",
        "error": "sqlalchemy.exc",
        "requests": "get",
        "scopes": ["access:servers!user=ana"],
    }


@pytest.mark.parametrize("slug", ["base", "python", "r"])
def test_the_command_starts_ours_in_every_image(names: Mapping[str, str], slug: str) -> None:
    run = ("run", "--rm", "--network=none", "--env=HOME=/tmp", "--tmpfs=/tmp", names[slug])
    script = docker(*run, "sh", "-c", 'cat "$(command -v jupyterhub-singleuser)"')
    assert "from hub_ext_singleuser.server import main" in script


PARTS_FIRST = """
import hub_ext_singleuser.server
from requests.exceptions import ConnectionError
from sqlalchemy.exc import OperationalError
import requests, sqlalchemy
caught = []
try:
    requests.get("http://127.0.0.1:9/")
except ConnectionError:
    caught.append("requests")
try:
    sqlalchemy.create_engine("sqlite:////none/such").connect()
except OperationalError:
    caught.append("sqlalchemy")
print(*caught)
"""


def test_whoever_asks_for_a_part_first_has_the_same_module_as_all_others(names: Mapping[str, str]) -> None:
    """A module that was read twice would raise errors that nobody catches."""
    run = ("run", "--rm", "--network=none", "--env=HOME=/tmp", "--tmpfs=/tmp", names["base"])
    assert docker(*run, PYTHON, "-c", PARTS_FIRST) == "requests sqlalchemy\n"
