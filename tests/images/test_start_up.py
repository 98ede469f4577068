"""What a server reads before it answers, and that nothing is kept from whoever needs it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from tests.images.server import PYTHON, docker

# All that the command does before the server begins.
READ = "exec(open('/opt/hub-ext/venv/bin/jupyter-lab').read().partition('# A token')[0])\n"
LOOK = """
import json
read = set(sys.modules)
import requests
print(json.dumps({
    "unread": sorted({"requests", "urllib3", "httpx", "arrow", "isoduration", "rfc3986_validator"} - read),
    "server": sorted(read & {"jupyterlab.labapp", "jupyter_server.serverapp"}),
    "collects": gc.isenabled(),
    "frozen": gc.get_freeze_count() > 10_000,
    "requests": requests.get.__name__,
    "same": jupyterlab_server.listings_handler.requests.get is requests.get,
}))
"""


def _printed(image: str, program: str) -> str:
    run = ("run", "--rm", "--network=none", "--env=HOME=/tmp", "--tmpfs=/tmp", image)
    return docker(*run, PYTHON, "-c", program)


def test_what_asks_the_internet_is_read_by_whoever_uses_it(names: Mapping[str, str]) -> None:
    assert json.loads(_printed(names["base"], READ + LOOK)) == {
        "unread": ["arrow", "isoduration", "requests", "rfc3986_validator", "urllib3"],
        "server": ["jupyter_server.serverapp", "jupyterlab.labapp"],
        "collects": True,
        "frozen": True,
        "requests": "get",
        "same": True,
    }


@pytest.mark.parametrize("slug", ["base", "python", "r"])
def test_the_command_starts_ours_in_every_image(names: Mapping[str, str], slug: str) -> None:
    run = ("run", "--rm", "--network=none", "--env=HOME=/tmp", "--tmpfs=/tmp", names[slug])
    script = docker(*run, "sh", "-c", 'cat "$(command -v jupyter-lab)"')
    assert "from hub_ext_server.reading import read_later" in script


PARTS_FIRST = """
from requests.exceptions import ConnectionError
import requests
for module in (jupyterlab_server.listings_handler.requests, requests):
    try:
        module.get("http://127.0.0.1:9/")
    except ConnectionError:
        print("caught")
"""


def test_whoever_asks_for_a_part_first_has_the_same_module_as_all_others(names: Mapping[str, str]) -> None:
    """A module that was read twice would raise errors that nobody catches."""
    assert _printed(names["base"], READ + PARTS_FIRST).split() == ["caught", "caught"]
