"""How an image's server is started, and which of its variables stay: on pages and in the API."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import Any

import pytest
import requests

from hub_ext.adapters.store import audit, images, revisions
from hub_ext.model import ImageEntry, ImageRevision, Localised, Verb
from hub_ext.model.image_checks import CheckOutcome
from hub_ext.model.interfaces import (
    COMMAND,
    JUPYTER,
    Poll,
    PrefixHandling,
    SecretPlace,
    SecretScheme,
)
from tests.services.console.conftest import TOKEN, Running
from tests.support.image_checks import ended

SLUG = "lab"
OURS = replace(JUPYTER, command=("/opt/hub-ext/start", "jupyter-lab"), port=9999)
FORM: dict[str, Any] = {"tag": "1", "title_en": "Lab", "title_fr": "Labo", "start_url": "/lab"}
PROGRAM: dict[str, Any] = {
    "interface": "command",
    "jupyter_command": "jupyter-lab",
    "command": "server --port={port} 'two words'",
    "port": "8080",
    "prefix": "kept",
    "ready_path": "healthz",
    "polls": "healthz\r\nPOST,put events/.*\r\n",
    "secret_variable": "PASSWORD",
    "secret_scheme": "bearer",
    "start_url": "",
}
STATED = replace(
    COMMAND,
    command=("server", "--port={port}", "two words"),
    port=8080,
    prefix=PrefixHandling.KEPT,
    ready_path="healthz",
    polls=(Poll(("GET", "HEAD"), "healthz"), Poll(("POST", "PUT"), "events/.*")),
    secret=SecretPlace("PASSWORD", SecretScheme.BEARER),
)
REPORT = {
    "report": 2,
    "emptied_env": ["LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONHOME", "PYTHONPATH"],
    "unsafe_env": ["PYTHONPATH"],
    "findings": [],
}


@pytest.fixture(autouse=True)
def entry(console: Running) -> ImageEntry:
    """An entry whose server is a Jupyter server of its own kind."""
    made = ImageEntry(
        *(SLUG, Localised("Lab", "Labo"), Localised("", ""), "local", "team/lab", "1", console.site.now()),
        interface=OURS,
    )
    with console.site.store.transaction() as tx:
        if images.find(tx, SLUG) is None:
            images.add(tx, made)
            digest = f"sha256:{'1' * 64}"
            revisions.add(tx, ImageRevision(SLUG, 1, digest, made.created, "tester", report=REPORT))
        else:
            images.replace(tx, made, expected_version=images.get(tx, SLUG).version)
    return made


def stored(console: Running) -> ImageEntry:
    with console.site.store.reading() as tx:
        return images.get(tx, SLUG)


def send(console: Running, path: str, form: dict[str, Any], language: str = "en") -> requests.Response:
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept-Language": language}
    return requests.post(f"{console.url}{path}", form, headers=headers, timeout=30, allow_redirects=False)


def get(console: Running, path: str, language: str = "en") -> str:
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept-Language": language}
    answer = requests.get(f"{console.url}{path}", headers=headers, timeout=30)
    assert answer.status_code == 200
    return html.unescape(answer.text)


def api(console: Running, method: str, body: Any = None, path: str = f"images/{SLUG}") -> requests.Response:
    headers = {"Authorization": f"Bearer {TOKEN}", "If-Match": f'"{stored(console).version}"'}
    return requests.request(method, f"{console.url}api/v1/{path}", json=body, headers=headers, timeout=30)


def edit(console: Running, **form: Any) -> requests.Response:
    return send(console, f"images/{SLUG}/edit", {**FORM, "version": stored(console).version, **form})


def field(page: str, name: str) -> str:
    found = re.search(rf'<input[^>]*name="{name}"[^>]*?value="([^"]*)"', page, re.S)
    assert found, name
    return found[1]


# --- pages ---


def test_a_new_image_is_a_jupyter_server_unless_said_otherwise(console: Running) -> None:
    page = get(console, "images/new")
    assert re.search(r'name="interface" value="jupyter" checked', page)
    assert not re.search(r'name="interface" value="command" checked', page)
    assert field(page, "jupyter_command") == "jupyter-lab"
    assert (field(page, "port"), field(page, "start_url")) == ("8888", "")


def test_a_jupyter_server_keeps_what_its_form_does_not_show(console: Running) -> None:
    page = get(console, f"images/{SLUG}/edit")
    assert field(page, "jupyter_command") == "/opt/hub-ext/start jupyter-lab"
    answer = edit(console, interface="jupyter", jupyter_command="'my lab' x", port="not a number")
    assert answer.status_code == 303, answer.text
    assert stored(console).interface == replace(OURS, command=("my lab", "x"))
    assert edit(console, interface="jupyter", jupyter_command=" ").status_code == 303
    assert stored(console).interface == replace(OURS, command=("jupyter-lab",))


def test_another_program_is_said_shown_and_filled_in_again(console: Running) -> None:
    assert edit(console, **PROGRAM).status_code == 303
    assert (stored(console).interface, stored(console).start_url) == (STATED, "/")
    page = get(console, f"images/{SLUG}")
    for text in (
        *("Another program", "server --port={port} 'two words'", "8080", "Kept", "GET,HEAD healthz"),
        *("POST,PUT events/.*", "PASSWORD", "Authorization: Bearer …"),
    ):
        assert f">{text}<" in page, text
    form = get(console, f"images/{SLUG}/edit")
    assert re.search(r'name="interface" value="command" checked', form)
    assert "server --port={port} 'two words'</textarea>" in form
    assert "GET,HEAD healthz\nPOST,PUT events/.*</textarea>" in form
    assert edit(console, **{**PROGRAM, "title_en": "Other"}).status_code == 303
    assert stored(console).interface == STATED
    with console.site.store.reading() as tx:
        facts = [event.facts for event in audit.listing(tx, subject=SLUG)]
    assert facts[-1] == {"title": [{"en": "Lab", "fr": "Labo"}, {"en": "Other", "fr": "Labo"}]}
    assert [one["kind"] for one in facts[-2]["interface"]] == ["jupyter", "command"]


@pytest.mark.parametrize(
    ("name", "value", "at", "sentence"),
    [
        ("command", "", "command", "The command is empty."),
        ("command", "a 'b", "command", "A quote of the command is not closed"),
        ("command", "a {home}", "command", "Nothing is known to be filled in for {home}."),
        ("port", "80", "port", "The port 80 cannot be used."),
        ("port", "http", "port", "Type a whole number."),
        ("ready_path", "/x", "ready_path", "does not lie below"),
        ("polls", "(a+)+", "polls", "The poll '(a+)+' cannot be used: a group is repeated."),
        ("polls", "FETCH a", "polls", "or of an unknown one"),
        ("secret_variable", "LD_PRELOAD", "secret_variable", "another meaning"),
        ("secret_variable", "", "secret_variable", "the server does not get"),
        ("secret_scheme", "basic", "secret_scheme", "Choose one of the list."),
        ("prefix", "gone", "prefix", "Choose one of the list."),
        ("interface", "rstudio", "interface", "Choose one of the list."),
    ],
)
def test_what_cannot_be_used_is_told_at_its_field_and_nothing_is_lost(
    console: Running, name: str, value: str, at: str, sentence: str
) -> None:
    before = stored(console)
    answer = edit(console, **{**PROGRAM, "title_en": "Typed before", name: value})
    assert answer.status_code == 400
    page = html.unescape(answer.text)
    assert re.search(rf'id="{at}-error">[^<]*{re.escape(sentence)}', page), page
    assert 'value="Typed before"' in page
    if name != "interface":
        assert re.search(r'name="interface" value="command" checked', page)
    if name != "polls":
        assert "POST,put events/.*" in page
    assert stored(console) == before


def test_every_mistake_is_told_at_once(console: Running) -> None:
    wrong = {"command": "a 'b", "port": "80", "ready_path": "/x", "polls": "(a+)+", "secret_variable": "PATH"}
    page = edit(console, **{**PROGRAM, **wrong}).text
    assert set(re.findall(r'id="(\w+)-error"', page)) == set(wrong)


def test_a_bad_command_of_jupyter_is_told_at_its_field(console: Running) -> None:
    answer = edit(console, interface="jupyter", jupyter_command="lab --port={port}")
    assert re.search(
        r'id="jupyter_command-error">Nothing is filled in for \{port\}', html.unescape(answer.text)
    )
    french = send(
        *(console, f"images/{SLUG}/edit"),
        {**FORM, "version": stored(console).version, "interface": "jupyter", "jupyter_command": "a 'b"},
        "fr",
    )
    assert "Un guillemet de la commande n’est pas fermé" in html.unescape(french.text)


# --- variables ---


def test_each_emptied_variable_is_shown_with_a_way_to_allow_it(console: Running) -> None:
    page = get(console, f"images/{SLUG}")
    assert re.findall(r'aria-label="Allow (\w+)"', page) == ["LD_LIBRARY_PATH", "PYTHONHOME"]
    assert "empty; it can never be allowed" in page
    assert "a folder in it is empty or not below /usr, /opt, /lib or /lib64" in page
    version = stored(console).version
    answer = send(
        *(console, f"images/{SLUG}/variables"),
        {"version": version, "name": "LD_LIBRARY_PATH", "allowed": "true"},
    )
    assert answer.status_code == 303, answer.text
    assert stored(console).allowed_env == ("LD_LIBRARY_PATH",)
    with console.site.store.reading() as tx:
        event = audit.listing(tx, subject=SLUG)[-1]
    assert (event.verb, event.facts) == (Verb.IMAGE_CHANGED, {"allowed_env": [[], ["LD_LIBRARY_PATH"]]})
    assert event.actor.id == console.person.id
    assert "Empty LD_LIBRARY_PATH again" in get(console, f"images/{SLUG}")
    assert "Vider de nouveau LD_LIBRARY_PATH" in get(console, f"images/{SLUG}", "fr")
    form = get(console, f"images/{SLUG}/edit")
    assert re.search(r'name="allowed_env" value="LD_LIBRARY_PATH" checked', form)

    back = {"version": stored(console).version, "name": "LD_LIBRARY_PATH", "allowed": "false"}
    assert send(console, f"images/{SLUG}/variables", back).status_code == 303
    assert stored(console).allowed_env == ()
    assert send(console, f"images/{SLUG}/variables", back).status_code == 409, "of an older version"


@pytest.mark.parametrize(("language", "label"), [("en", "Allow"), ("fr", "Autoriser")])
def test_the_page_of_a_check_offers_the_same(console: Running, language: str, label: str) -> None:
    check = ended(console.site, SLUG, CheckOutcome.NO_SERVER, 1)
    page = get(console, f"images/{SLUG}/checks/{check.id}", language)
    assert re.findall(rf'aria-label="{label} (\w+)"', page) == ["LD_LIBRARY_PATH", "PYTHONHOME"]


def test_who_may_only_read_is_offered_nothing(console: Running) -> None:
    headers = {"Authorization": "Bearer of-an-auditor"}
    page = requests.get(f"{console.url}images/{SLUG}", headers=headers, timeout=30)
    assert "LD_LIBRARY_PATH" in page.text
    assert 'aria-label="Allow' not in page.text
    form = {"version": stored(console).version, "name": "LD_LIBRARY_PATH", "allowed": "true"}
    sent = requests.post(f"{console.url}images/{SLUG}/variables", form, headers=headers, timeout=30)
    assert sent.status_code == 403
    assert stored(console).allowed_env == ()


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PATH", "", "x" * 300])
def test_others_cannot_be_allowed(console: Running, name: str) -> None:
    form = {"version": stored(console).version, "name": name, "allowed": "true"}
    assert send(console, f"images/{SLUG}/variables", form).status_code == 400
    assert stored(console).allowed_env == ()
    ticked = edit(console, interface="jupyter", allowed_env=[name] if name else ["LD_AUDIT"])
    assert ticked.status_code == 400
    assert stored(console).allowed_env == ()


def test_an_earlier_report_names_them_in_its_finding(console: Running) -> None:
    finding = {"code": "env-emptied", "blocking": False, "shown": {"names": "LD_PRELOAD, PYTHONPATH +1"}}
    with console.site.store.transaction() as tx:
        if revisions.find(tx, SLUG, 2) is None:
            revisions.add(
                tx,
                ImageRevision(
                    *(SLUG, 2, f"sha256:{'2' * 64}", console.site.now(), "tester"),
                    report={"report": 1, "findings": [finding]},
                ),
            )
    page = get(console, f"images/{SLUG}")
    assert re.findall(r'aria-label="Allow (\w+)"', page) == ["PYTHONPATH"]


# --- the API ---


def test_the_api_takes_and_gives_an_interface(console: Running) -> None:
    given = {
        "kind": "command",
        "command": ["server", "--port={port}", "two words"],
        "port": 8080,
        "prefix": "kept",
        "ready_path": "healthz",
        "polls": [{"path": "healthz"}, {"methods": ["POST", "PUT"], "path": "events/.*"}],
        "secret": {"variable": "PASSWORD", "scheme": "bearer"},
    }
    answer = api(console, "PATCH", {"interface": given, "allowed_env": ["PYTHONHOME"]})
    assert answer.status_code == 200, answer.text
    assert (stored(console).interface, stored(console).allowed_env) == (STATED, ("PYTHONHOME",))
    told = answer.json()
    assert told["allowed_env"] == ["PYTHONHOME"]
    assert told["interface"] == {
        **given,
        "polls": [{"methods": ["GET", "HEAD"], "path": "healthz"}, given["polls"][1]],  # type: ignore[index]
    }
    assert told["start_url"] == "/"
    assert api(console, "PATCH", {"interface": told["interface"]}).status_code == 400, "it changes nothing"
    usual = api(console, "PATCH", {"interface": {"kind": "jupyter"}}).json()["interface"]
    assert stored(console).interface == JUPYTER
    assert len(usual["polls"]) == len(JUPYTER.polls)


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"interface": {"kind": "command"}}, 400, "The command is empty."),
        ({"interface": {"kind": "shiny"}}, 422, "kind"),
        ({"interface": {"shell": "x"}}, 422, "shell"),
        ({"interface": {"port": 80}}, 400, "The port 80 cannot be used."),
        ({"interface": {"polls": [{"path": "(a+)+"}]}}, 400, "a group is repeated"),
        ({"allowed_env": ["LD_PRELOAD"]}, 400, "LD_PRELOAD is emptied in every server"),
        ({"allowed_env": ["X"] * 33}, 422, "allowed_env"),
    ],
)
def test_the_api_says_what_cannot_be_used(
    console: Running, body: dict[str, Any], status: int, sentence: str
) -> None:
    before = stored(console)
    answer = api(console, "PATCH", body)
    assert answer.status_code == status
    assert sentence in answer.text
    assert stored(console) == before


def test_the_api_s_description_knows_interfaces(console: Running) -> None:
    document = api(console, "GET", path="openapi.json").json()
    schemas = document["components"]["schemas"]
    assert set(schemas["ServerInterface"]["properties"]) == {
        *("kind", "command", "port", "prefix", "ready_path", "polls", "secret")
    }
    assert {"interface", "allowed_env"} <= set(schemas["NewImage"]["properties"])


def test_the_whole_catalogue_goes_out_and_in_with_it(console: Running) -> None:
    with console.site.store.transaction() as tx:
        now = images.get(tx, SLUG)
        entry = replace(now, interface=STATED, allowed_env=("LD_LIBRARY_PATH",))
        images.replace(tx, entry, expected_version=now.version)
    document = api(console, "GET", path="catalogue").json()
    held = document["images"][SLUG]
    assert held["interface"]["command"] == list(STATED.command)
    assert held["allowed_env"] == ["LD_LIBRARY_PATH"]
    told = api(console, "POST", document, "catalogue").json()
    assert told["entries"] == []
    held["interface"] = {"kind": "command", "command": ["other"]}
    held["allowed_env"] = []
    tried = api(console, "POST", document, "catalogue?dry_run=true").json()
    (entry_told,) = tried["entries"]
    assert [text.split(":")[0] for text in entry_told["text"]] == ["interface", "allowed variables"]
    assert "other" in entry_told["text"][0]
