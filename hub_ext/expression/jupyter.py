"""How a notebook server of Jupyter is started: its command, for any image that has Jupyter's own programs."""

from __future__ import annotations

PORT = 8888


def jupyter_command(base_url: str, start_url: str) -> tuple[str, ...]:
    """The command of a server below `base_url` ("/user/alice/") that opens at `start_url` ("/lab").

    Whoever enters was let in before a request arrives; the server expects the secret of its launch, which
    stands in no argument.
    """
    return (
        "/opt/hub-ext/start",
        "jupyter-lab",
        "--ServerApp.ip=0.0.0.0",
        f"--ServerApp.port={PORT}",
        "--ServerApp.port_retries=0",
        "--ServerApp.open_browser=False",
        f"--ServerApp.base_url={base_url}",
        f"--ServerApp.default_url={start_url}",
        "--ServerApp.allow_remote_access=True",
        "--ServerApp.quit_button=False",
    )
