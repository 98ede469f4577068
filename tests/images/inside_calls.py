"""Runs in a container of an image: calls its server, or runs a cell in one of its kernels. Prints JSON.

call METHOD PATH [BODY]: {"status", "body"}; body is the answer's text.
send KERNEL CODE: sends a cell and does not wait.
cell KERNEL CODE: what the cell printed.
seen: what the Hub beside us heard.
"""

import json
import sys
import urllib.error
import urllib.request

from jupyter_client import BlockingKernelClient

SERVER = "http://127.0.0.1:8888/user/ana"


def call(method, path, body="{}", url=SERVER):
    request = urllib.request.Request(url + path, method=method)  # noqa: S310
    request.add_header("Authorization", "token secret")
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
    held = BlockingKernelClient(connection_file=f"/tmp/.jupyter/kernel-{kernel_id}.json")
    held.load_connection_file()
    held.start_channels()
    held.wait_for_ready(timeout=60)
    return held


def send(kernel_id, code):
    client(kernel_id).execute(code)


def cell(kernel_id, code):
    printed = []

    def hear(message):
        content = message["content"]
        printed.append(content.get("text") or "\n".join(content.get("traceback", ())))

    client(kernel_id).execute_interactive(code, timeout=120, output_hook=hear)
    return "".join(printed)


def seen():
    return json.loads(call("GET", "/seen", url="http://127.0.0.1:8081")["body"])


action, *arguments = sys.argv[1:]
print(json.dumps({"call": call, "send": send, "cell": cell, "seen": seen}[action](*arguments)))
