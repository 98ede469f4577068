"""A server of ours knows no Hub, and its page shows nobody the secret that it expects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.images.server import ARGUMENTS, SECRET, Server, docker, server

SLUGS = ("base", "python", "r")


@pytest.mark.parametrize("slug", SLUGS)
def test_no_image_holds_anything_of_the_hub(names: Mapping[str, str], slug: str) -> None:
    config = json.loads(docker("image", "inspect", names[slug]))[0]["Config"]
    assert [variable for variable in config["Env"] if variable.startswith("JUPYTERHUB_")] == []
    assert "JUPYTER_RUNTIME_DIR=/tmp/.jupyter" in config["Env"], "positive control: it has variables"
    find = ("run", "--rm", "--network=none", "--user=0:0", names[slug], "find", "/opt", "/usr", "-ipath")
    assert docker(*find, "*jupyterhub*") == ""
    assert "/jupyterlab/" in docker(*find, "*/jupyterlab/__init__.py"), "positive control"


def _page_config(page: str) -> dict[str, object]:
    marked = page.partition('id="jupyter-config-data" type="application/json">')[2]
    return dict(json.loads(marked.partition("</script>")[0]))


@pytest.mark.parametrize("path", ["/lab", "/lab/tree/demo", "/doc", "/login", "/api/me", "/lab/api/settings"])
def test_no_page_shows_the_secret(python_server: Server, path: str) -> None:
    status, page = python_server.call("GET", path)
    assert status in (200, 404)
    assert SECRET not in page


def test_jupyterlab_s_page_without_a_hub_would_show_the_secret(names: Mapping[str, str]) -> None:
    """The control of the test above."""
    bare = [argument for argument in ARGUMENTS if "tornado_settings" not in argument]
    with server(names["base"], arguments=bare) as running:
        status, page = running.call("GET", "/lab")
    assert status == 200
    assert _page_config(page)["token"] == SECRET


def test_the_menu_leads_to_the_hub(python_server: Server) -> None:
    config = _page_config(python_server.call("GET", "/lab")[1])
    assert config["token"] == ""
    assert {name: config[name] for name in ("hubPrefix", "hubHost", "hubUser", "baseUrl", "quitButton")} == {
        "hubPrefix": "/hub/",
        "hubHost": "",
        "hubUser": "ana",
        "baseUrl": "/user/ana/",
        "quitButton": False,
    }


def test_the_plugin_that_leaves_the_page_of_an_ended_server_is_in_it(python_server: Server) -> None:
    config = _page_config(python_server.call("GET", "/lab")[1])
    extensions = {extension["name"]: extension for extension in config["federated_extensions"]}  # type: ignore[attr-defined]
    status, script = python_server.call("GET", f"/lab/extensions/hub-ext/{extensions['hub-ext']['load']}")
    assert status == 200
    assert "X-Hub-Ext-Reload" in script
    assert "@jupyterlab/hub-extension:connectionlost" in config["disabledExtensions"]  # type: ignore[operator]


def test_a_person_s_own_settings_shut_nobody_out(names: Mapping[str, str], tmp_path: Path) -> None:
    own = {"IdentityProvider": {"token": "of-my-own"}, "ServerApp": {"port": 9999, "base_url": "/"}}
    tmp_path.chmod(0o755)
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps(own))
    with server(names["base"], mounts={tmp_path: "/home/jovyan/.jupyter"}) as running:
        assert running.call("GET", "/api/kernels")[0] == 200
        assert SECRET not in running.run("sh", "-c", "cat /proc/[0-9]*/cmdline")


def test_a_websocket_opens_by_the_header_alone(python_server: Server) -> None:
    """The gate gives the header; the browser's page is of the front's origin, not of the container's."""
    path = f"/api/kernels/{python_server.kernel()}/channels?session_id=s"
    elsewhere = "Origin: https://hub.example.org"
    assert python_server.websocket(path, f"Authorization: token {SECRET}", elsewhere) == 101
    assert python_server.websocket(path, "Authorization: token another", elsewhere) == 403
    assert python_server.websocket(path, elsewhere) == 403


def test_nothing_of_the_secret_is_written_to_the_log(python_server: Server) -> None:
    log = python_server.logs()
    assert "Jupyter Server" in log
    assert SECRET not in log
