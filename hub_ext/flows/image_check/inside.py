"""Runs in the container of a check, sent there as its command's argument; any Python 3, and nothing else.

Starts the notebook server as a launch does, and once it has answered ends it and runs the image's smoke test.
Arguments: seconds for the first answer, the server's base URL, the server's command. Its status is the smoke
test's, or one of those below.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time

SMOKE = "/opt/hub-ext/smoke"
SECRET, PORT = "JUPYTER_TOKEN", 8888
NO_SMOKE_TEST, NO_SERVER, FAILED = 96, 97, 1
ASK_SECONDS, END_SECONDS = 0.1, 10


def address() -> str:
    """Where it would be asked from outside: a server that listens at 127.0.0.1 only is none."""
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return "127.0.0.1"


def answers(host: str, path: str) -> bool:
    """Whether it answers 200 now."""
    connection = http.client.HTTPConnection(host, PORT, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def came_up(seconds: float, base_url: str, command: list[str]) -> bool:
    """Whether the server answers in time; says so, and ends it."""
    say("Notebook server")
    began = time.monotonic()
    try:
        server = subprocess.Popen(command)
    except OSError as error:
        say(f"The server cannot be started: {command[0]}: {error.strerror}.")
        return False
    host, path = address(), f"{base_url}api"
    try:
        while time.monotonic() - began < seconds:
            if answers(host, path):
                say(f"Server answers after {time.monotonic() - began:.1f} s")
                return True
            if server.poll() is not None:
                say(f"The server ended by itself with status {code(server.returncode)} before it answered.")
                return False
            time.sleep(ASK_SECONDS)
        say(f"The server did not answer within {seconds:g} s.")
        return False
    finally:
        ended(server)


def ended(server: subprocess.Popen[bytes]) -> None:
    """Before the smoke test, which may start a server of its own at the same port."""
    server.terminate()
    try:
        server.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def smoked() -> int:
    """The status of the smoke test. It has no secret, as when it is run at the end of the image's build."""
    if not os.path.lexists(SMOKE):
        say(f"The image has no smoke test: there is no {SMOKE}.")
        return NO_SMOKE_TEST
    say("Smoke test")
    env = {name: value for name, value in os.environ.items() if name != SECRET}
    try:
        status = code(subprocess.call([SMOKE], env=env))
    except OSError as error:
        say(f"The smoke test cannot be run: {SMOKE}: {error.strerror}.")
        return FAILED
    return FAILED if status in (NO_SMOKE_TEST, NO_SERVER) else status


def code(status: int) -> int:
    """A status as a shell has it."""
    return status if status >= 0 else 128 - status


def say(words: str) -> None:
    """A line of ours in the log."""
    print("#", words, flush=True)


def main() -> int:
    """The status to end with."""
    seconds, base_url, *command = sys.argv[1:]
    os.dup2(1, 2)  # one stream, in which the lines stand as they came
    return smoked() if came_up(float(seconds), base_url, command) else NO_SERVER


if __name__ == "__main__":
    sys.exit(main())
