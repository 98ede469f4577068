"""The arguments of a Jupyter server: plain JupyterLab, told on its command line where it will be found.

Who may enter is decided outside of the container, so no argument names a person's right or a secret. The
secret that the server expects comes in an environment variable.
"""

from __future__ import annotations


def jupyter_arguments(
    base_url: str, start_url: str, *, port: int, user: str, hub_host: str = "", hub_prefix: str = "/hub/"
) -> tuple[str, ...]:
    """Arguments of `jupyter-lab` for the server at the path `base_url`, which shows `start_url` first.

    `start_url` is a path below `base_url`, such as "/lab/tree/demo". `hub_host` is the Hub's origin
    ("https://hub.example.org"), or "" where it is the server's own, and `hub_prefix` its path there:
    JupyterLab's menu entries "Hub Control Panel" and "Log Out" lead there.
    """
    return (
        "--ServerApp.ip=0.0.0.0",
        f"--ServerApp.port={port}",
        # At another port nobody would find it.
        "--ServerApp.port_retries=0",
        "--ServerApp.open_browser=False",
        f"--ServerApp.base_url={base_url}",
        f"--ServerApp.default_url={start_url}",
        # The Host of a request is the front's, and the server cannot tell which that is.
        "--ServerApp.allow_remote_access=True",
        # Its cookies are then "Secure" behind HTTPS.
        "--ServerApp.trust_xheaders=True",
        # Who ends the server is the Hub.
        "--ServerApp.quit_button=False",
        # Where it has a `hub_prefix`, JupyterLab puts these three into its page, and the server's token not.
        f"--ServerApp.tornado_settings=hub_prefix={hub_prefix}",
        f"--ServerApp.tornado_settings=hub_host={hub_host}",
        f"--ServerApp.tornado_settings=user={user}",
    )
