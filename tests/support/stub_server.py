"""Every program of the stub image: its start, its notebook server where none is needed, its smoke test.

What they do is said by the image's environment variable STUB: "answer", "die", "hang", "memory", or
"stubborn" for a server that answers and does not end when it is asked to; for the smoke test by STUB_SMOKE:
"pass", "fail" or "hang".
"""

import datetime
import http.server
import json
import os
import signal
import sys
import time

BEGAN = time.time()


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if sys.argv[0] == "/opt/hub-ext/smoke":
        smoke()
    else:
        serve()


def serve() -> None:
    """The server that a launch starts."""
    behaviour = os.environ.get("STUB", "answer")
    if behaviour == "die":
        print("the stub says why: nothing works", flush=True)
        sys.exit(3)
    if behaviour == "memory":
        held = []
        while True:
            held.append(b"x" * 2**24)
    if behaviour == "hang":
        print("the stub hangs", flush=True)
        time.sleep(3600)
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    http.server.ThreadingHTTPServer(("", 8888), Handler).serve_forever()


class Handler(http.server.BaseHTTPRequestHandler):
    """Jupyter's answers as far as they matter outside; nothing but /api without the launch's secret.

    The server's name says what its one kernel does: "busy", "silent" (it tells nothing of it), else "idle".
    """

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        secret = os.environ.get("JUPYTER_TOKEN", "")
        if path.endswith("/exit"):  # a person who ends the server from inside
            os._exit(7)
        if path.endswith("/hang"):
            time.sleep(3600)
        if not path.endswith("/api") and self.headers.get("Authorization") != f"token {secret}":
            self.answer({"message": "Forbidden"}, status=403)
        elif path.endswith("/api/kernels"):
            self.kernels(path.split("/")[-3])
        elif path.endswith("/api/terminals"):
            self.answer([])
        else:
            self.answer({"path": self.path, "headers": dict(self.headers.items())})

    do_POST = do_PUT = do_DELETE = do_GET

    def kernels(self, server: str) -> None:
        if server == "silent":
            self.close_connection = True
            return
        state = "busy" if server == "busy" else "idle"
        when = datetime.datetime.fromtimestamp(BEGAN, datetime.UTC).isoformat()
        self.answer([{"id": "k", "name": "python3", "execution_state": state, "last_activity": when}])

    def answer(self, content: object, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def smoke() -> None:
    """Says what is open to it, then goes on as it is told."""
    for place in ("/opt/trace", "/home/jovyan/trace", "/project/trace", "/tmp/trace"):
        try:
            with open(place, "w"):
                print(place, "can be written", flush=True)
        except OSError as error:
            print(place, error.strerror, flush=True)
    print("user", os.getuid(), os.getgid(), flush=True)
    print("of the Hub:", sorted(name for name in os.environ if name.startswith("JUPYTERHUB_")), flush=True)
    with open("/proc/self/status") as status:
        print(*(line.strip() for line in status if line.startswith(("CapEff", "NoNewPrivs"))), flush=True)
    told = os.environ.get("STUB_SMOKE", "pass")
    if told == "hang":
        time.sleep(3600)
    sys.exit(3 if told == "fail" else 0)


main()
