#!/usr/bin/env python
"""Asks the server whose address lies in the runtime folder of the image's own user."""

import json
import pathlib
import sys
import urllib.request

servers = list(pathlib.Path("/home/jovyan/.local/share/jupyter/runtime").glob("jpserver-*.json"))
if not servers:
    sys.exit("no server")
urllib.request.urlopen(json.loads(servers[0].read_text())["url"] + "api", timeout=1)  # noqa: S310
