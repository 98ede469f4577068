"""Every program of the stub image: its start, its notebook server where none is needed, its smoke test.

What they do is said by the image's environment variable STUB: "answer", "die", "hang", "memory", or
"stubborn" for a server that answers and does not end when it is asked to; for the smoke test by STUB_SMOKE:
"pass", "fail" or "hang".
"""

import os
import signal
import socket
import sys
import time

BIN = "/opt/hub-ext/bin"


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if sys.argv[0] == "/opt/hub-ext/smoke":
        smoke()
    elif sys.argv[1:2] == ["python3"]:
        os.environ["PATH"] = BIN
        os.execv(sys.executable, [sys.executable, *sys.argv[2:]])  # noqa: S606
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
    server = socket.create_server(("", 8888))
    while True:
        connection, _ = server.accept()
        with connection:
            request = connection.recv(65536)
            path = request.split()[1].decode() if len(request.split()) > 1 else ""
            # A person who ends the server from inside.
            if path.endswith("/exit"):
                os._exit(7)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-JupyterHub-Version: 6.1.1\r\n"
                b"Connection: close\r\n\r\n{}"
            )


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
