"""Runs in a container of an image: calls its server, or runs a cell in one of its kernels. Prints JSON.

call METHOD PATH [BODY]: {"status", "body"}; body is the answer's text.
send KERNEL CODE: sends a cell and does not wait.
cell KERNEL CODE: what the cell printed.
type TERMINAL TEXT: writes into a terminal.
websocket PATH [HEADER…]: the status that a WebSocket with these headers, and no more, is answered.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

import websocket
from jupyter_client import BlockingKernelClient

SERVER = "127.0.0.1:8888/user/ana"
AUTHORIZATION = f"Authorization: token {os.environ['JUPYTER_TOKEN']}"


def call(method, path, body="{}"):
    request = urllib.request.Request(f"http://{SERVER}{path}", method=method)
    request.add_header(*AUTHORIZATION.split(": "))
    if method in ("POST", "PUT"):
        request.data = body.encode()
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return {"status": answer.status, "body": answer.read().decode()}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "body": error.read().decode()}
    except OSError as error:
        return {"status": 0, "body": str(error)}


def client(kernel_id):
    made = BlockingKernelClient(connection_file=f"/tmp/.jupyter/kernel-{kernel_id}.json")
    made.load_connection_file()
    made.start_channels()
    end = time.monotonic() + 60
    while True:
        try:
            made.wait_for_ready(timeout=60)
            return made
        except RuntimeError:
            # R's heart does not beat before R has started, and it is taken for dead after a second.
            if time.monotonic() > end:
                raise


def send(kernel_id, code):
    client(kernel_id).execute(code)


def cell(kernel_id, code):
    printed = []

    def hear(message):
        content = message["content"]
        printed.append(content.get("text") or "\n".join(content.get("traceback", ())))

    client(kernel_id).execute_interactive(code, timeout=120, output_hook=hear)
    return "".join(printed)


def type_into(terminal, text):
    path = f"ws://{SERVER}/terminals/websocket/{terminal}"
    connection = websocket.create_connection(path, timeout=20, header=[AUTHORIZATION])
    connection.send(json.dumps(["stdin", text]))
    connection.recv()
    connection.close()


def websocket_status(path, *headers):
    try:
        connection = websocket.create_connection(f"ws://{SERVER}{path}", timeout=20, header=list(headers))
    except websocket.WebSocketBadStatusException as error:
        return error.status_code
    connection.close()
    return connection.getstatus()


ACTIONS = {"call": call, "send": send, "cell": cell, "type": type_into, "websocket": websocket_status}
action, *arguments = sys.argv[1:]
print(json.dumps(ACTIONS[action](*arguments)))
