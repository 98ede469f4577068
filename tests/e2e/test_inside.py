"""What is inside a server opens nothing of the Hub, and nothing of the Hub answers there.

With a token of the Hub's, a notebook once wrote into a `last_activity` what another project's notebook read.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from hub_ext.adapters import launch_secrets
from hub_ext.adapters.engine import gateway
from hub_ext.flows.launch.end import container_name
from hub_ext.settings import address_and_port
from tests.e2e.test_culler import start
from tests.support.hub import RunningHub, Visitor
from tests.support.patience import patient

OPTIONS = {"project": "onco", "environment": "answer", "datasets": [], "size": "s", "gpus": 0}
PYTHON = str(Path(sys.executable).resolve())  # as the stub image has it

# Prints every word that could be a token, of all environments and files that can be read, and what answers.
SEARCH = r"""
import json, os, re, socket, sys
words, WORD = set(), re.compile(rb"[\w-]{20,}")
def read(path):
    try:
        with open(path, "rb") as file:
            words.update(word.decode() for word in WORD.findall(file.read(1 << 18)))
    except OSError:
        pass
for process in filter(str.isdigit, os.listdir("/proc")):
    for name in ("environ", "cmdline", "maps", "mountinfo"):
        read(f"/proc/{process}/{name}")
for top in ("/run", "/tmp", "/home", "/project", "/data", "/etc", "/dev/shm", "/var", "/opt", "/root"):
    for folder, _, names in os.walk(top):
        for name in names:
            read(os.path.join(folder, name))
answers = {}
for host, port in json.loads(sys.argv[1]):
    try:
        socket.create_connection((host, port), 1.5).close()
        answers[f"{host}:{port}"] = "answers"
    except OSError as error:
        answers[f"{host}:{port}"] = type(error).__name__
print(json.dumps({"words": sorted(words), "answers": answers}))
"""


@pytest.fixture
def ada(hub: RunningHub) -> Iterator[Visitor]:
    visitor = hub.visitor("ada")
    yield visitor
    visitor.forget()


def inside(hub: RunningHub, launch_id: str, program: str, *arguments: str) -> str:
    """What a program prints that runs in that server's container, as its user."""
    command = ("docker", "--host", hub.site.settings.engine_url, "exec", container_name(hub.site, launch_id))
    return subprocess.run(
        [*command, PYTHON, "-c", program, *arguments], capture_output=True, text=True, check=True
    ).stdout


def search(hub: RunningHub, launch_id: str) -> dict[str, Any]:
    settings = hub.site.settings
    front = int(address_and_port(settings.bind_url)[1])
    ports = (settings.hub_port, settings.console_port, front)
    places = [(host, port) for host in ("127.0.0.1", gateway(settings)) for port in ports]
    found: dict[str, Any] = json.loads(inside(hub, launch_id, SEARCH, json.dumps(places)))
    assert len(found["answers"]) == len(places)
    return found


def opens(hub: RunningHub, token: str) -> bool:
    """Whether it is a token of the Hub's, asked where the Hub does answer."""
    answer = requests.get(
        f"http://127.0.0.1:{hub.site.settings.hub_port}/hub/api/user",
        headers={"Authorization": f"token {token}"},
        timeout=patient(10),
    )
    assert answer.status_code in (200, 403), answer.text
    return answer.status_code == 200


def test_nothing_inside_opens_the_hub_and_nothing_of_the_hub_answers(hub: RunningHub, ada: Visitor) -> None:
    launch_id = start(hub, ada, OPTIONS)
    found = search(hub, launch_id)
    assert set(found["answers"].values()) <= {"ConnectionRefusedError", "TimeoutError", "OSError"}
    kept = launch_secrets.read(hub.site.settings, launch_id)
    assert kept is not None
    assert kept.token in found["words"]  # the control: it is inside, for Jupyter's own door
    assert kept.oauth_client_secret not in found["words"]
    assert [word for word in found["words"] if opens(hub, word)] == []


def test_control_a_token_that_a_person_brings_in_is_found_and_of_no_use_there(
    hub: RunningHub, ada: Visitor
) -> None:
    """It is theirs, and does what they may do, wherever the Hub answers: not inside."""
    launch_id = start(hub, ada, OPTIONS)
    token = ada.api("POST", "tokens", {"note": "brought in", "expires_in": 300}).json()["token"]
    inside(hub, launch_id, "import sys; open('/tmp/mine', 'w').write(sys.argv[1])", token)
    found = search(hub, launch_id)
    assert [word for word in found["words"] if opens(hub, word)] == [token]
    assert "answers" not in found["answers"].values()
    # From where the Hub answers, the way of those bytes: a time of the sender's choice.
    moment = datetime.now(UTC) + timedelta(minutes=30)
    sent = f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
    told = requests.post(
        f"{hub.url}/hub/api/users/ada/activity",
        json={"servers": {"": {"last_activity": sent}}},
        headers={"Authorization": f"token {token}"},
        timeout=patient(10),
    )
    assert told.status_code == 200
    assert ada.servers()[""]["last_activity"] == sent
