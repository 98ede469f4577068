"""Paths below a server's prefix that are the gate's own, and never passed to the server."""

from __future__ import annotations

RESERVED = "_hub-ext/"
LEAD = f"{RESERVED}lead"  # at the Hub's name: on to the server's own
ENTER = f"{RESERVED}enter"  # at the server's own name, with a code
SIGN_IN_AGAIN = f"{RESERVED}sign-in"
SIGN_OUT = "logout"  # JupyterLab's menu leads there; of other interfaces it is the server's own
