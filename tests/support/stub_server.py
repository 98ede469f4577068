"""/opt/hub-ext/start of the stub image: stands for a notebook server where none is needed.

What it does is said by the image's environment variable STUB: "answer", "die", "hang", "memory",
or "stubborn" for one that answers and does not end when it is asked to.
"""

import os
import signal
import socket
import sys
import time


def main() -> None:
    behaviour = os.environ.get("STUB", "answer")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if sys.argv[1:] == ["/opt/hub-ext/smoke"]:
        smoke()
    if behaviour == "die":
        print("the stub says why: nothing works", flush=True)
        sys.exit(3)
    if behaviour == "memory":
        held = []
        while True:
            held.append(b"x" * 2**24)
    if behaviour == "hang":
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
    """What a check runs: says what is open to it, then goes on as the behaviour says."""
    for place in ("/opt/trace", "/home/jovyan/trace", "/project/trace", "/tmp/trace"):
        try:
            with open(place, "w"):
                print(place, "can be written", flush=True)
        except OSError as error:
            print(place, error.strerror, flush=True)
    print("user", os.getuid(), os.getgid(), flush=True)
    with open("/proc/self/status") as status:
        print(*(line.strip() for line in status if line.startswith(("CapEff", "NoNewPrivs"))), flush=True)
    if os.environ.get("STUB", "answer") == "answer":
        sys.exit(0)


main()
