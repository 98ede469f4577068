"""The command line of a notebook server."""

from __future__ import annotations

from hub_ext.expression.jupyter import jupyter_arguments


def test_the_arguments_of_a_named_server_beside_a_hub_of_another_origin() -> None:
    arguments = jupyter_arguments(
        *("/user/ana/gpu/", "/lab/tree/demo"),
        port=8888,
        user="ana",
        hub_host="https://hub.example.org",
        hub_prefix="/x/hub/",
    )
    assert arguments == (
        "--ServerApp.ip=0.0.0.0",
        "--ServerApp.port=8888",
        "--ServerApp.port_retries=0",
        "--ServerApp.open_browser=False",
        "--ServerApp.base_url=/user/ana/gpu/",
        "--ServerApp.default_url=/lab/tree/demo",
        "--ServerApp.allow_remote_access=True",
        "--ServerApp.trust_xheaders=True",
        "--ServerApp.quit_button=False",
        "--ServerApp.tornado_settings=hub_prefix=/x/hub/",
        "--ServerApp.tornado_settings=hub_host=https://hub.example.org",
        "--ServerApp.tornado_settings=user=ana",
    )


def test_without_more_the_hub_is_on_the_server_s_own_origin() -> None:
    arguments = jupyter_arguments("/user/ana/", "/lab", port=8888, user="ana")
    assert "--ServerApp.tornado_settings=hub_prefix=/hub/" in arguments
    assert "--ServerApp.tornado_settings=hub_host=" in arguments
