"""Runs in a container: as much of a Hub as a single-user server needs, which keeps what it hears.

Python of the image; nothing of hub-ext. GET /seen answers all that was posted, oldest first.
"""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SEEN = []


class Hub(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/seen":
            self.answer(SEEN)
        elif self.path.rstrip("/") == "/hub/api":
            self.answer({"version": "6.1.1"})
        elif self.path == "/hub/api/user":
            self.answer(
                {"kind": "user", "name": "ana", "groups": [], "scopes": ["access:servers!server=ana/"]}
            )
        else:
            self.send_error(404)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "/hub-ext/" in self.path and os.environ.get("PLAIN_HUB"):
            self.send_error(404)
            return
        SEEN.append(
            {"path": self.path, "body": body, "token": self.headers["Authorization"], "at": time.time()}
        )
        self.send_response(204)
        self.end_headers()

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", 8081), Hub).serve_forever()
