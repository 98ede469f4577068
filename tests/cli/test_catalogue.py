"""`hub-ext catalogue` as an operator types it, against the real registry."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub_ext.adapters.registry import machine_platform
from hub_ext.adapters.store import audit, images
from hub_ext.cli.app import host_user, main
from hub_ext.config import load_settings
from hub_ext.flows import projects
from hub_ext.flows.site import open_site
from hub_ext.model import Actor, ActorKind, AuditEvent, Localised, Verb
from hub_ext.model.image_checks import CheckOutcome
from tests.support.certificates import Authority
from tests.support.image_checks import ended
from tests.support.ports import free_port
from tests.support.registry import LiveRegistry, live_registry

TITLES = ("--title-en", "Python for health", "--title-fr", "Python pour la santé")
ADD = ("add", "python", "--path", "hub-ext/python", "--tag", "1", *TITLES)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRegistry]:
    folder = tmp_path_factory.mktemp("registry")
    with live_registry(folder / "registry", Authority(folder)) as running:
        yield running


@pytest.fixture
def push(live: LiveRegistry) -> Callable[..., str]:
    def pushing(layer: bytes, **config: Any) -> str:
        return live.push_image(
            "hub-ext/python",
            "1",
            architecture=machine_platform().architecture,
            config={"User": "65534"} | config,
            layer=layer,
        )

    return pushing


@pytest.fixture
def config(tmp_path: Path, live: LiveRegistry, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file of an empty site, named as HUB_EXT_CONFIG."""
    known = live.settings
    path = tmp_path / "hub_ext_config.py"
    registry = {"address": known.address, "ca_file": str(known.ca_file), "auth_file": str(known.auth_file)}
    path.write_text(
        f"c.HubExt.state_dir = {str(tmp_path)!r}\nc.HubExt.registries = {{'main': {registry!r}}}\n"
    )
    monkeypatch.setenv("HUB_EXT_CONFIG", str(path))
    site = open_site(load_settings())
    actor = Actor(ActorKind.HOST_USER, "test")
    projects.add_project(site, actor, "onco", Localised("Onco", "Onco"))
    site.close()
    return path


class Terminal:
    """Types `hub-ext catalogue …` and remembers what was said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        status = main(["catalogue", *words])
        self.out, self.err = self.capsys.readouterr()
        assert "Traceback" not in self.err
        return status

    def json(self, *words: str) -> Any:
        assert self(*words, "--json") == 0, self.err
        return json.loads(self.out)


@pytest.fixture
def typed(config: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


def last_event(config: Path) -> AuditEvent:
    site = open_site(load_settings(str(config)))
    with site.store.reading() as tx:
        assert audit.verify(tx).ok
        event = audit.listing(tx)[-1]
    site.close()
    return event


def test_a_moved_tag_changes_nothing_until_somebody_publishes_it(
    typed: Terminal, push: Callable[..., str]
) -> None:
    first = push(b"first")
    assert typed(*ADD) == 0
    assert f"python is a draft; revision 1 is {first}." in typed.out
    assert "Reading hub-ext/python:1" in typed.err
    assert typed("publish", "python") == 0
    assert typed.out.startswith("python now launches revision 1.")

    second = push(b"second")
    assert typed("refresh", "python") == 0
    assert f"the tag 1 has moved; revision 2 is {second}" in typed.out
    assert "python still launches revision 1" in typed.out
    shown = typed.json("show", "python")
    assert (shown["entry"]["revision"], shown["entry"]["state"]) == (1, "published")
    assert [known["digest"] for known in shown["revisions"]] == [second, first]
    assert [bool(known["published"]) for known in shown["revisions"]] == [False, True]

    assert typed("publish", "python") == 0
    assert typed.json("show", "python")["entry"]["revision"] == 2
    assert typed("refresh", "--all") == 0
    assert typed.out == "1 tag names what is known.\n"
    third = push(b"third")
    assert typed("refresh", "--all") == 0
    assert f"the tag 1 has moved; revision 3 is {third}" in typed.out
    assert typed("rollback", "python") == 0
    assert typed.out == "python launches revision 1 again.\n"


def test_a_tag_of_an_index_names_what_is_known_too(
    typed: Terminal, push: Callable[..., str], live: LiveRegistry
) -> None:
    """It has a digest of its own, which is no revision's."""
    live.push_index("hub-ext/python", "many", {str(machine_platform()): push(b"of an index")})
    assert typed(*(word if word != "1" else "many" for word in ADD)) == 0
    assert typed("refresh", "--all") == 0
    assert typed.out == "1 tag names what is known.\n"


def test_a_tag_that_the_registry_lost_is_told_beside_the_others(
    typed: Terminal, push: Callable[..., str], config: Path
) -> None:
    push(b"kept")
    assert typed(*ADD) == 0
    site = open_site(load_settings(str(config)))
    with site.store.transaction() as tx:
        entry = images.get(tx, "python")
        images.add(tx, replace(entry, slug="lost", tag="never-pushed"))
    site.close()
    assert typed("refresh", "--all") == 1, typed.err
    assert "lost: There is no " in typed.out
    assert "never-pushed in the registry" in typed.out
    assert "1 tag names what is known." in typed.out


def test_everything_that_can_be_said_of_an_entry(
    typed: Terminal, push: Callable[..., str], config: Path
) -> None:
    push(b"about")
    words = (
        *("--description-en", "With pandas", "--description-fr", "Avec pandas", "--project", "onco"),
        *("--max-cpus", "2", "--max-mem", "4G", "--max-gpus", "1", "--max-idle", "600", "--needs-gpu"),
        *("--interface", "jupyter", "--start-url", "/lab/tree/a.ipynb", "--registry", "main"),
    )
    entry = typed.json(*ADD, *words)["entry"]
    assert entry["title"] == {"en": "Python for health", "fr": "Python pour la santé"}
    assert entry["description"] == {"en": "With pandas", "fr": "Avec pandas"}
    assert entry["ceilings"] == {"cpus": 2.0, "mem_bytes": 4 * 1024**3, "gpus": 1, "idle_seconds": 600}
    assert (entry["projects"], entry["needs_gpu"]) == (["onco"], True)
    assert (entry["start_url"], entry["alias"], entry["tag"]) == ("/lab/tree/a.ipynb", "main", "1")
    event = last_event(config)
    assert (event.verb, event.actor) == (Verb.IMAGE_ADDED, Actor(ActorKind.HOST_USER, host_user()))

    changed = typed.json(
        *("change", "python", "--title-fr", "Python, santé", "--all-projects", "--no-gpu", "--tag", "2"),
        *("--max-mem", "8G", "--expected-version", "1"),
    )
    assert changed["title"] == {"en": "Python for health", "fr": "Python, santé"}
    assert (changed["projects"], changed["needs_gpu"], changed["tag"]) == ([], False, "2")
    assert changed["ceilings"] == entry["ceilings"] | {"mem_bytes": 8 * 1024**3}
    assert typed("change", "python", "--tag", "3", "--expected-version", "1") == 1
    assert "was changed by somebody else meanwhile." in typed.err


CODE = (
    *("--interface", "command", "--command", "code-server --bind-addr 0.0.0.0:{port} 'a b'"),
    *("--port", "8080", "--prefix", "kept", "--ready", "healthz", "--secret-variable", "PASSWORD"),
    *("--secret-scheme", "bearer", "--poll", "healthz", "--poll", "POST,PUT update/.*"),
)


def test_another_program_is_added_changed_and_shown(
    typed: Terminal, push: Callable[..., str], config: Path
) -> None:
    push(b"program")
    entry = typed.json(*ADD, *CODE)["entry"]
    assert entry["interface"] == {
        "kind": "command",
        "command": ["code-server", "--bind-addr", "0.0.0.0:{port}", "a b"],
        "port": 8080,
        "prefix": "kept",
        "ready_path": "healthz",
        "polls": [
            {"methods": ["GET", "HEAD"], "path": "healthz"},
            {"methods": ["POST", "PUT"], "path": "update/.*"},
        ],
        "secret": {"variable": "PASSWORD", "scheme": "bearer"},
    }
    assert entry["start_url"] == "/"

    assert typed("show", "python") == 0
    lines = {line.split("  ")[0]: line.split("  ")[-1].strip() for line in typed.out.splitlines()}
    assert lines["interface"] == "command"
    assert lines["command"] == "code-server --bind-addr 0.0.0.0:{port} 'a b'"
    assert lines["not counted as use"] == "GET,HEAD healthz, POST,PUT update/.*"
    assert lines["secret"] == "PASSWORD, sent as Authorization: bearer"
    assert "port" in lines

    changed = typed.json("change", "python", "--port", "9090", "--no-polls", "--secret-scheme", "none")
    assert changed["interface"] == entry["interface"] | {
        "port": 9090,
        "polls": [],
        "secret": {"variable": "PASSWORD", "scheme": "none"},
    }
    facts = last_event(config).facts
    assert [interface["port"] for interface in facts["interface"]] == [8080, 9090]
    assert list(facts) == ["interface"]

    jupyter = typed.json("change", "python", "--interface", "jupyter")
    assert (jupyter["interface"]["command"], jupyter["start_url"]) == (["jupyter-lab"], "/lab")
    assert typed("show", "python") == 0
    assert "port" not in typed.out
    assert ["command", "jupyter-lab"] in [line.split() for line in typed.out.splitlines()]


def test_a_variable_is_allowed_and_forbidden_by_its_name_on_the_record(
    typed: Terminal, push: Callable[..., str], config: Path
) -> None:
    push(b"variables", Env=["LD_LIBRARY_PATH=/opt/lib", "PYTHONPATH=/opt/py"])
    assert typed(*ADD) == 0
    assert (
        "The image sets LD_LIBRARY_PATH, PYTHONPATH; for safety, servers start with them empty" in typed.out
    )
    assert typed("change", "python", "--allow-env", "LD_LIBRARY_PATH") == 0
    assert last_event(config).facts == {"allowed_env": [[], ["LD_LIBRARY_PATH"]]}
    both = typed.json("change", "python", "--allow-env", "PYTHONPATH")
    assert both["allowed_env"] == ["LD_LIBRARY_PATH", "PYTHONPATH"]
    assert typed("show", "python") == 0
    assert "LD_LIBRARY_PATH, PYTHONPATH" in typed.out
    assert typed("change", "python", "--forbid-env", "LD_LIBRARY_PATH") == 0
    assert last_event(config).facts == {"allowed_env": [["LD_LIBRARY_PATH", "PYTHONPATH"], ["PYTHONPATH"]]}
    assert typed("change", "python", "--allow-env", "LD_PRELOAD") == 1
    assert "The variable LD_PRELOAD is emptied in every server." in typed.err


def test_the_difference_of_two_revisions_marks_what_is_emptied(
    typed: Terminal, push: Callable[..., str]
) -> None:
    push(b"env", Env=["LD_LIBRARY_PATH=/a", "PYTHONPATH=/a", "LANG=C"])
    assert typed(*ADD, "--allow-env", "PYTHONPATH") == 0
    push(b"env", Env=["LD_LIBRARY_PATH=/b", "PYTHONPATH=/b", "LANG=C.UTF-8"])
    assert typed("refresh", "python") == 0
    assert typed("diff", "python") == 0
    rows = [line.split() for line in typed.out.splitlines()]
    assert ["env", "LANG", "C", "C.UTF-8"] in rows
    assert ["env", "LD_LIBRARY_PATH", "(emptied)", "/a", "/b"] in rows
    assert ["env", "PYTHONPATH", "/a", "/b"] in rows
    assert typed.json("diff", "python")[1]["name"] == "LD_LIBRARY_PATH"


def test_list_and_show_for_people(typed: Terminal, push: Callable[..., str]) -> None:
    assert typed("list") == 0
    assert "The catalogue is empty." in typed.out
    digest = push(b"list")
    typed(*ADD, "--project", "onco")
    typed("publish", "python")
    assert typed("list") == 0
    header, row = typed.out.splitlines()
    assert header.split() == ["ENTRY", "TITLE", "STATE", "REVISION", "IMAGE", "PROJECTS", "SUCCESSOR"]
    assert row.split("  ")[0] == "python"
    assert "published" in row
    assert "main/hub-ext/python:1" in row
    assert typed("show", "python") == 0
    assert "titre" in typed.out
    assert "Python pour la santé" in typed.out
    revision = next(line for line in typed.out.splitlines() if line.startswith("revision 1"))
    assert digest in revision
    assert "launched now" in revision
    assert [known["slug"] for known in typed.json("list", "--state", "draft")] == []
    assert typed.json("list", "--project", "cardio") == []
    assert typed("list", "--state", "odd") == 2


def test_a_bad_image_is_refused_with_every_reason(typed: Terminal, push: Callable[..., str]) -> None:
    push(b"bad", Volumes={"/data/x": {}}, Labels={"io.hub-ext.seed": ""}, Healthcheck={"Test": ["CMD", "x"]})
    assert typed(*ADD) == 0
    assert "! The image declares volumes (/data/x)" in typed.out
    assert "- The image's health check is turned off." in typed.out
    assert typed("review", "python") == 1
    assert "It cannot be published." in typed.out
    assert typed("publish", "python") == 1
    assert typed.out == ""
    assert "The image declares volumes (/data/x)" in typed.err
    assert "labels by which hub-ext knows its own containers (io.hub-ext.seed)" in typed.err
    assert "health check" not in typed.err
    assert typed("publish", "python", "--json") == 1
    refused = json.loads(typed.out)
    assert [known["code"] for known in refused["refused"]] == ["volumes", "reserved-labels"]
    push(b"mended")
    assert typed("review", "python") == 0
    assert "It can be published." in typed.out


def test_the_end_of_an_entry(typed: Terminal, push: Callable[..., str], config: Path) -> None:
    push(b"end")
    typed(*ADD)
    assert typed("deprecate", "python") == 1
    assert "python is a draft" in typed.err
    typed("publish", "python")
    assert typed("deprecate", "python", "--successor", "python") == 1
    assert "cannot follow itself" in typed.err
    assert typed("deprecate", "python", "--why", "old") == 0
    assert typed.out == "python is deprecated; it still launches.\n"
    assert typed("retire", "python") == 2
    assert typed("retire", "python", "--why", "defect") == 0
    assert last_event(config).verb is Verb.IMAGE_RETIRED
    assert typed("rollback", "python") == 1
    assert "python is retired. Publish it again" in typed.err
    assert typed("publish", "python", "--revision", "1") == 0


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("show", "nobody"), 1, "There is no image 'nobody'."),
        (("publish", "nobody"), 1, "There is no image 'nobody'."),
        (("refresh",), 2, "Name an entry, or say --all."),
        (("refresh", "python", "--all"), 2, "Name an entry, or say --all."),
        (ADD[:-4], 2, "--title-en"),
        ((*ADD, "--max-mem", "lots"), 1, "'lots' is not a size."),
        ((*ADD, "--registry", "other"), 1, "There is no registry 'other'."),
        ((*ADD, "--interface", "rstudio"), 2, "invalid choice"),
        ((*ADD, "--interface", "command"), 1, "The command is empty."),
        ((*ADD, "--command", "jupyter 'lab"), 1, "A quote of the command is not closed"),
        ((*ADD, "--command", "server {port}"), 1, "choose another interface."),
        ((*ADD, "--port", "80"), 1, "The port 80 cannot be used."),
        ((*ADD, "--poll", "(a+)+"), 1, "The poll '(a+)+' cannot be used: a group is repeated."),
        ((*ADD, "--tag", "absent"), 1, "in the registry."),
    ],
)
def test_what_cannot_be_done_is_said(
    typed: Terminal, words: tuple[str, ...], status: int, sentence: str
) -> None:
    assert typed(*words) == status
    assert sentence in typed.err


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("address", None, "cannot be reached."),
        ("auth_file", "wrong", "The registry refused our credentials for"),
        ("auth_file", "open", "is open to others (mode 644)."),
        ("ca_file", "other", "is refused:"),
    ],
)
def test_a_registry_that_fails_is_one_sentence_with_the_setting(
    typed: Terminal, config: Path, tmp_path: Path, setting: str, value: str | None, sentence: str
) -> None:
    path = tmp_path / "other"
    if value == "other":
        path = Authority(tmp_path).ca_file
    else:
        path.write_text('{"username": "curator", "password": "wrong"}')
        path.chmod(0o644 if value == "open" else 0o600)
    told = f"localhost:{free_port()}" if value is None else str(path)
    with config.open("a") as file:
        file.write(f"c.HubExt.registries['main'][{setting!r}] = {told!r}\n")
    assert typed(*ADD) == 1
    assert sentence in typed.err
    assert "c.HubExt.registries['main']" in typed.err or "chmod 600" in typed.err
    assert len(typed.err.strip().splitlines()) == 3  # progress, the fact, the advice


def test_the_catalogue_goes_to_a_file_and_back(
    typed: Terminal, config: Path, push: Callable[..., str], tmp_path: Path
) -> None:
    push(b"file")
    assert typed(*ADD, "--max-mem", "8G", "--project", "onco") == 0
    assert typed("publish", "python") == 0
    assert typed("export") == 0
    text = typed.out
    assert "memory: 8 GiB" in text
    file = tmp_path / "catalogue.yaml"
    assert typed("export", "--output", str(file)) == 0
    assert file.read_text() == text
    assert typed.json("export")["images"]["python"]["title"]["fr"] == "Python pour la santé"
    assert typed("import", str(file)) == 0
    assert typed.out == "Nothing changes.\n"

    file.write_text(text.replace("Python for health", "'Python: yes'").replace("8 GiB", "9 GiB"))
    assert typed("import", str(file), "--dry-run") == 0
    assert "python: ceilings: memory 8 GiB → memory 9 GiB\n" in typed.out
    plan = typed.out.split()[-1].strip(".")
    assert last_event(config).verb is Verb.IMAGE_PUBLISHED
    assert typed("change", "python", "--start-url", "/tree") == 0
    assert typed("import", str(file), "--expected", plan) == 1
    assert "changed by somebody else" in typed.err
    assert typed("import", str(file)) == 0
    assert typed.out.endswith("Imported.\n")
    assert last_event(config).verb is Verb.IMAGE_CHANGED
    assert typed("export") == 0
    assert typed.out == file.read_text()

    file.write_text(text.replace("- onco", "- nobody"))
    for more in ((), ("--dry-run",)):
        assert typed("import", str(file), *more) == 1
        assert "python: There is no project nobody" in typed.err
    file.write_text(text.replace("tag:", "tug:"))
    assert typed("import", str(file)) == 1
    assert "Line 9: python knows no 'tug'" in typed.err
    assert typed("import", str(tmp_path / "absent")) == 1
    assert "No such file" in typed.err


def test_what_failed_its_check_is_published_only_where_that_is_typed(
    push: Callable[..., str], config: Path, typed: Terminal, tmp_path: Path
) -> None:
    push(b"doubted")
    typed(*ADD)
    assert typed("publish", "python") == 0
    assert "It has passed no check yet: `hub-ext catalogue check python --revision 1` makes one." in typed.out
    assert typed("retire", "python", "--why", "x") == 0
    site = open_site(load_settings())
    ended(site, "python", CheckOutcome.TIMED_OUT)
    file = tmp_path / "catalogue.yaml"
    assert typed("export", "--output", str(file)) == 0
    file.write_text(file.read_text().replace("state: retired", "state: published"))
    assert typed("publish", "python") == 1
    assert "The last check of revision 1 of python failed." in typed.err
    assert "--despite-failed-check publishes it all the same." in typed.err
    assert typed("import", str(file)) == 1
    assert "The last check of revision 1 of python failed." in typed.err
    assert typed("publish", "python", "--despite-failed-check") == 0
    assert "passed no check" not in typed.out
    assert typed("retire", "python", "--why", "x") == 0
    assert typed("import", str(file), "--despite-failed-check") == 0
    site.close()
