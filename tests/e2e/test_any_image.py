"""Images made without a thought of us: added, checked, published and worked in as they are, by the gate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from hub_ext.adapters import launch_secrets
from hub_ext.adapters.engine import Engine
from hub_ext.adapters.store import launches, revisions
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.cli.setup.layout import Layout
from hub_ext.flows import people
from hub_ext.flows.launch.end import container_name
from hub_ext.model import FindingCode, Launch, Person
from hub_ext.settings import RegistrySettings
from tests.e2e.test_console_images import checked, retire
from tests.support.console import ApiClient, enter, program
from tests.support.foreign_images import ForeignImages
from tests.support.hub import RunningHub, Visitor, wait_for
from tests.support.kernels import execute_request
from tests.support.patience import patient
from tests.support.scenario import STEWARD

PAGE = {
    "Accept": "text/html",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Site": "none",
}
APP = {
    "kind": "command",
    "command": ["python3", "/srv/app/app.py", "--port", "{port}", "--key-from", "APP_KEY"],
    "port": 7860,
    "prefix": "stripped",
    "ready_path": "healthz",
    "polls": [{"path": "healthz"}],
    "secret": {"variable": "APP_KEY", "scheme": "bearer"},
}
REMARKS = {
    "stack": {
        FindingCode.ENTRYPOINT_IGNORED,
        FindingCode.HEALTHCHECK_IGNORED,
        FindingCode.ENV_EMPTIED,
        FindingCode.ENV_ALLOWED,
    },
    "app": {
        FindingCode.USER_IGNORED,
        FindingCode.ENTRYPOINT_IGNORED,
        FindingCode.HEALTHCHECK_IGNORED,
        FindingCode.VOLUMES_EMPTY,
    },
}


@pytest.fixture(scope="module")
def foreign(
    hub: RunningHub, registry: RegistrySettings, layout: Layout, built_images: dict[str, BuiltImage]
) -> Iterator[ForeignImages]:
    """Both images in the registry."""
    made = ForeignImages(registry, hub.site.settings, built_images["python"], layout.docker_config)
    made.ensure()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def api(hub: RunningHub) -> ApiClient:
    """A curator's."""
    return program(enter(hub, "cora"))


@pytest.fixture(scope="module")
def person(hub: RunningHub) -> Iterator[Person]:
    """Whoever works in them; what her home has seen is no other test's affair."""
    person = hub.add_person("tess", "onco")
    yield person
    people.end_person(hub.site, STEWARD, person.id, "the tests of any image are over")


@pytest.fixture
def tess(hub: RunningHub, person: Person) -> Iterator[Visitor]:
    visitor = hub.visitor(person.username)
    yield visitor
    visitor.forget()


def published(hub: RunningHub, api: ApiClient, foreign: ForeignImages, slug: str, **options: Any) -> None:
    """Added, checked and published by a curator's program, with remarks and nothing in the way."""
    title = {"en": f"The {slug}", "fr": f"L’image {slug}"}
    asked = {"slug": slug, "title": title, "path": f"foreign/{slug}", "tag": foreign.tag}
    made = api.call("POST", "images", asked | options)
    assert made.status_code == 201, made.text
    with hub.site.store.reading() as tx:
        (revision,) = revisions.listing(tx, slug)
    findings = revision.report["findings"]
    assert {finding["code"] for finding in findings} == REMARKS[slug]
    assert not [finding for finding in findings if finding["blocking"]]
    check = api.call("GET", checked(api, slug)).json()
    assert (check["outcome"], check["error"]) == ("no-smoke-test", ""), check
    assert "# Server answers after" in check["log"]
    headers = {"If-Match": api.call("GET", f"images/{slug}").headers["ETag"]}
    answer = api.call("POST", f"images/{slug}/publish", {}, headers=headers)
    assert answer.status_code == 200, answer.text


def started(hub: RunningHub, person: Person, tess: Visitor, slug: str) -> Launch:
    """Tess's server of that image, under the image's name."""
    options = {"project": "onco", "environment": slug, "datasets": ["table"], "size": "s", "gpus": 0}
    answer = tess.api("POST", f"servers/{slug}", {"user_options": options})
    assert answer.status_code in (201, 202), answer.text
    tess.wait_ready(slug)
    with hub.site.store.reading() as tx:
        launch = launches.last_of(tx, person.id, slug)
    assert launch is not None
    return launch


def container(hub: RunningHub, launch: Launch) -> dict[str, Any]:
    async def ask() -> Any:
        engine = Engine(hub.site.settings)
        try:
            return await engine.inspect(container_name(hub.site, launch.id))
        finally:
            engine.close()

    return dict(asyncio.run(ask()))


def secret(hub: RunningHub, launch: Launch) -> str:
    kept = launch_secrets.read(hub.site.settings, launch.id)
    assert kept is not None
    return kept.token


async def said(url: str, token: str, message: str, *, until: str) -> list[str]:
    """What comes through a WebSocket after the message, until that is in it."""
    request = HTTPRequest(url.replace("http", "ws", 1), headers={"Authorization": f"token {token}"})
    socket = await websocket_connect(request)
    await socket.write_message(message)
    received: list[str] = []
    while not received or until not in received[-1]:
        received.append(str(await asyncio.wait_for(socket.read_message(), patient(60))))
    socket.close()
    return received


class Notebook:
    """A Jupyter server used over its own API."""

    def __init__(self, hub: RunningHub, tess: Visitor, name: str) -> None:
        self.address = f"{hub.url}/user/tess/{name}/"
        answer = tess.api("POST", "tokens", {"note": "a test", "expires_in": 3600})
        self.token = str(answer.json()["token"])

    def call(self, method: str, path: str, body: Any = None) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            headers = {"Authorization": f"token {self.token}"}
            answer = session.request(
                method, f"{self.address}api/{path}", json=body, headers=headers, timeout=patient(60)
            )
        assert answer.ok, answer.text
        return answer.json()

    def cell(self, code: str) -> str:
        """What a cell in a new kernel prints."""
        kernel = self.call("POST", "kernels", {"name": "python3"})["id"]
        url = f"{self.address}api/kernels/{kernel}/channels?session_id=s"
        received = asyncio.run(
            said(url, self.token, json.dumps(execute_request(code)), until='"execute_reply"')
        )
        messages = [json.loads(one) for one in received]
        contents = [one["content"] for one in messages if one["channel"] == "iopub"]
        return "".join(
            content.get("text", "") or "\n".join(content.get("traceback", ())) for content in contents
        )


def test_a_docker_stack_is_worked_in_unchanged(
    hub: RunningHub, foreign: ForeignImages, api: ApiClient, person: Person, tess: Visitor
) -> None:
    published(hub, api, foreign, "stack", allowed_env=["LD_LIBRARY_PATH"])
    try:
        launch = started(hub, person, tess, "stack")
        page = tess.session.get(f"{hub.url}/user/tess/stack/lab", headers=PAGE, timeout=patient(60))
        assert page.status_code == 200, page.text
        assert "jupyter-config-data" in page.text
        assert secret(hub, launch) not in page.text
        notebook = Notebook(hub, tess, "stack")
        printed = notebook.cell(
            "import os, sys, pathlib, hashlib\n"
            "print(sys.executable, os.getuid(), os.environ['LD_LIBRARY_PATH'])\n"
            "print(repr(os.environ['PYTHONPATH']), os.environ['CONDA_DIR'])\n"
            "print(pathlib.Path('/data/table/values.csv').read_text())\n"
            "pathlib.Path('kept.txt').write_text('x'); print(pathlib.Path('kept.txt').resolve())\n"
        )
        uid = person.uid
        assert f"/opt/conda/bin/python {uid} /opt/conda/lib\n'' /opt/conda\n" in printed
        assert "patient,value" in printed
        assert "/home/jovyan/kept.txt" in printed
        found = container(hub, launch)
        assert found["Config"]["Healthcheck"]["Test"] == ["NONE"]
        assert found["Config"]["Healthcheck"]["Interval"] == 3 * 10**9, "the image's own, which is inert"
        assert found["Config"]["Cmd"][0] == "jupyter-lab"
        assert "Health" not in found["State"]
    finally:
        retire(hub, "stack")


def test_an_app_that_lies_at_the_root_is_worked_in_unchanged(
    hub: RunningHub, foreign: ForeignImages, api: ApiClient, person: Person, tess: Visitor
) -> None:
    published(hub, api, foreign, "app", interface=APP, start_url="/")
    try:
        launch = started(hub, person, tess, "app")
        assert launch.upstream.endswith(":7860")
        page = tess.session.get(f"{hub.url}/user/tess/app/", headers=PAGE, timeout=patient(60))
        assert (page.status_code, page.text[:22]) == (200, "<h1>A small model</h1>")
        address = page.url

        def get(path: str) -> requests.Response:
            return tess.session.get(f"{address}{path}", timeout=patient(30))

        seen = get("login")
        assert seen.url == f"{address}seen?after=login"
        told = seen.json()
        assert told["path"] == "/seen?after=login"
        assert told["headers"]["Authorization"] == f"Bearer {secret(hub, launch)}"
        assert told["headers"]["X-Forwarded-Prefix"] == "/user/tess/app"
        assert told["headers"]["Cookie"] == "who=me"
        assert told["env"]["APP_KEY"] == secret(hub, launch)
        assert told["env"]["APP_MODE"] == "production"
        assert not [name for name in told["env"] if name.startswith("JUPYTER")]
        (cookie,) = [cookie for cookie in tess.session.cookies if cookie.name == "who"]
        assert cookie.path == "/user/tess/app/"
        assert get("write").json() == {"size": 1}
        assert get("api").status_code == 500, "what is none of its pages is a fault of it"

        notebook = Notebook(hub, tess, "app")
        url = f"{notebook.address}live/ws"
        assert asyncio.run(said(url, notebook.token, "hello", until="H")) == ["HELLO"]

        # The Hub that starts again asks it as its interface says, and lets it go on.
        hub.kill()
        hub.start_again()
        wait_for(lambda: tess.servers()["app"]["ready"], 30)
        assert get("write").json() == {"size": 2}
    finally:
        retire(hub, "app")
