"""A program that answers like an engine of a given version, for what the real one will not show on demand.

Usage: python fake_engine.py SOCKET VERSION [managed] [no-cdi] [rootless]
"""

from __future__ import annotations

import json
import signal
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def main() -> None:
    """Answer until SIGTERM, then remove the socket as dockerd does."""
    path, version, *words = sys.argv[1:]
    answers = {
        "version": {"Version": version, "ApiVersion": "1.45"},
        "info": {
            "Labels": ["io.hub-ext.managed=true"] if "managed" in words else [],
            "CDISpecDirs": [] if "no-cdi" in words else ["/etc/cdi"],
            "SecurityOptions": ["name=rootless"] if "rootless" in words else ["name=seccomp,profile=builtin"],
        },
        "networks": [{"IPAM": {"Config": [{"Subnet": "172.17.0.0/16"}, {"Subnet": "fd00::/64"}]}}],
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answers.get(self.path.split("?")[0].rpartition("/")[2], {})).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "-"

    server = _Server(path, Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    Path(path).unlink()


if __name__ == "__main__":
    main()
