"""GPUs in the console: seen with what they do, taken out of service and shared by operators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests

from hub_ext.adapters.gpu_inventory import GpuUse
from hub_ext.adapters.store import gpus
from hub_ext.flows import gpu as flow
from hub_ext.model import Gpu, GpuHealth
from hub_ext.services.console import live
from hub_ext.settings import GIB
from tests.services.console.conftest import TOKEN, Running

# As of a node without a driver: a part of an address, with slashes.
ID = "local/hub-ext.test/gpu=0"
PART = quote(ID, safe="")


def call(
    console: Running, method: str, path: str, body: Any = None, token: str = TOKEN, language: str = "en"
) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
    return requests.request(
        method, f"{console.url}{path}", json=body, headers=headers, timeout=30, allow_redirects=False
    )


@pytest.fixture
def card(console: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gpu]:
    """A card at work."""
    monkeypatch.setattr(live, "HOLDS_SECONDS", 0)
    monkeypatch.setattr(flow.gpu_inventory, "use", lambda settings: {ID: GpuUse(87, 3 * GIB)})
    made = Gpu(ID, "local", "hub-ext.test/gpu=0", "H100 <b>", 80 * GIB, console.site.now())
    with console.site.store.transaction() as tx:
        if gpus.find(tx, ID) is None:
            gpus.add(tx, made)
        gpus.replace(tx, made)
    yield made
    with console.site.store.transaction() as tx:
        gpus.replace(tx, Gpu(**{**_fields(made), "ended": console.site.now()}))


def _fields(gpu: Gpu) -> dict[str, Any]:
    return {name: getattr(gpu, name) for name in gpu.__slots__}


def row(console: Running) -> dict[str, Any]:
    (found,) = call(console, "GET", "api/v1/gpus").json()["items"]
    return dict(found)


def test_what_it_does_is_told_and_unknown_is_said(
    console: Running, card: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = row(console)
    assert (told["percent"], told["mem_used_bytes"], told["health"]) == (87, 3 * GIB, "ok")
    page = call(console, "GET", "gpus").text
    assert "87 %" in page
    assert "H100 &lt;b&gt;" in page
    monkeypatch.setattr(flow.gpu_inventory, "use", lambda settings: {})
    assert (row(console)["percent"], row(console)["mem_used_bytes"]) == (None, None)
    assert "unknown" in call(console, "GET", "gpus").text
    assert "inconnu" in call(console, "GET", "gpus", language="fr").text
    assert (
        "<html"
        not in requests.get(
            f"{console.url}gpus",
            headers={"Authorization": f"Bearer {TOKEN}", "HX-Request": "true"},
            timeout=30,
        ).text
    )


def test_a_driver_that_hangs_holds_up_no_page(
    console: Running, card: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    released = threading.Event()
    asked: list[int] = []

    def hangs(settings: Any) -> dict[str, GpuUse]:
        asked.append(1)
        released.wait(30)
        return {ID: GpuUse(1, 1)}

    monkeypatch.setattr(live, "DRIVER_SECONDS", 0.2)
    monkeypatch.setattr(flow.gpu_inventory, "use", hangs)
    try:
        assert row(console)["percent"] is None
        assert row(console)["percent"] is None
        assert len(asked) == 1  # one thread waits, not one for each look
    finally:
        released.set()


def test_out_of_service_and_back_by_api_and_page(console: Running, card: Gpu) -> None:
    out = call(console, "POST", f"api/v1/gpus/{PART}/take-out", {"why": "its fan is changed"})
    assert (out.status_code, out.json()["out_why"]) == (200, "its fan is changed")
    assert row(console)["out_since"] is not None
    for language, words in (("en", "out of service"), ("fr", "hors service")):
        assert words in call(console, "GET", "gpus", language=language).text
    page = call(console, "GET", f"gpus/{PART}").text
    assert "its fan is changed" in page
    assert "Put back into service" in page
    back = call(console, "POST", f"gpus/{PART}/back")
    assert back.status_code == 303
    assert row(console)["out_since"] is None
    assert call(console, "POST", f"api/v1/gpus/{PART}/put-back").status_code == 200
    assert call(console, "POST", f"api/v1/gpus/{PART}/take-out", {"why": " "}).status_code == 400
    assert call(console, "POST", "api/v1/gpus/GPU-none/put-back").status_code == 404
    assert call(console, "GET", "gpus/GPU-none").status_code == 404


def test_shared_with_what_sharing_does_not_isolate(console: Running, card: Gpu) -> None:
    assert "nothing isolates them" not in call(console, "GET", "gpus").text
    shared = call(console, "POST", f"api/v1/gpus/{PART}/share", {"shares": 3})
    assert (shared.json()["shares"], shared.json()["own_shares"]) == (3, 3)
    assert "nothing isolates them" in call(console, "GET", "gpus").text
    assert "rien ne les y isole" in call(console, "GET", f"gpus/{PART}", language="fr").text
    assert call(console, "POST", f"api/v1/gpus/{PART}/share", {"shares": 0}).status_code == 400
    own = call(console, "POST", f"api/v1/gpus/{PART}/share", {"shares": None})
    assert (own.json()["shares"], own.json()["own_shares"]) == (1, None)


@pytest.mark.parametrize("health", [health for health in GpuHealth if health is not GpuHealth.OK])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_why_it_is_not_offered_is_said(console: Running, card: Gpu, health: GpuHealth, language: str) -> None:
    with console.site.store.transaction() as tx:
        gpus.replace(tx, Gpu(**{**_fields(card), "health": health}))
    words = {
        GpuHealth.HELD_OUTSIDE: ("used by another program", "utilisé par un autre programme"),
        GpuHealth.FAULTY: ("faulty", "défaillant"),
        GpuHealth.UNATTACHABLE: ("cannot be attached", "ne peut pas être attaché"),
        GpuHealth.LOST: ("not there any more", "disparu"),
    }[health]
    for path in ("gpus", f"gpus/{PART}"):
        assert words[language == "fr"] in call(console, "GET", path, language=language).text


def test_auditors_look_and_others_do_not(console: Running, card: Gpu) -> None:
    page = call(console, "GET", f"gpus/{PART}", token="of-an-auditor")
    assert page.status_code == 200
    assert "<form" not in page.text.partition("<main")[2].partition("</main>")[0]
    for token in ("of-an-auditor", "of-a-researcher"):
        for path in (f"api/v1/gpus/{PART}/take-out", f"gpus/{PART}/out", f"gpus/{PART}/shares"):
            assert call(console, "POST", path, {"why": "x"}, token).status_code == 403
    for path in ("gpus", f"gpus/{PART}", "api/v1/gpus"):
        assert call(console, "GET", path, token="of-a-researcher").status_code == 403
    assert row(console)["out_since"] is None
