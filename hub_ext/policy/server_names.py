"""Names that a server beside a person's main one cannot have.

The main server's pages are below `/user/NAME/`, and another server's below `/user/NAME/SERVER/`: one with the
name `lab` would stand where the main server shows JupyterLab.
"""

from __future__ import annotations

# First segments of Jupyter's own addresses, and of ours.
RESERVED = frozenset(
    (
        *("_hub-ext", "api", "consoles", "custom", "doc", "edit", "favicon.ico", "files", "kernelspecs"),
        *("lab", "login", "logout", "lsp", "metrics", "nbclassic", "nbconvert", "nbextensions", "notebooks"),
        *("oauth_callback", "proxy", "resources", "services", "static", "terminals", "tree", "view"),
    )
)
