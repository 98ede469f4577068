"""What every image promises, whoever runs it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from hub_ext.adapters.registry import RegistryClient
from hub_ext.adapters.registry.contents import LAST_LAYERS, LAYER_BYTES, packages_in
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.cli.setup.layout import CHECKOUT
from hub_ext.settings import RegistrySettings
from tests.images.server import USER, Server, docker, hardened

SLUGS = ("base", "python", "r")


@pytest.mark.parametrize("slug", SLUGS)
def test_nothing_of_the_build_is_left(names: Mapping[str, str], slug: str) -> None:
    """Neither the machine's package sources nor its certificates, nor apt's lists."""
    left = docker(
        *("run", "--rm", "--network=none", "--user=0:0", names[slug], "find"),
        *("/run/secrets", "/root", "/home/jovyan", "/tmp", "/var/tmp", "/etc/apt/sources.list"),
        *("/etc/apt/sources.list.d", "/etc/apt/auth.conf.d", "/etc/pip.conf", "/var/lib/apt/lists"),
        *("/var/cache/apt", "-type", "f", "-size", "+0"),
        check=False,
    )
    assert [path for path in left.split() if path not in ("/root/.bashrc", "/root/.profile")] == []
    settings = docker(
        *("run", "--rm", "--network=none", "--user=0:0", names[slug], "sh", "-c"),
        "grep -rl -e ^Acquire -e ^deb -e ^URIs /etc/apt || true",
    )
    assert settings == ""


@pytest.mark.parametrize("slug", SLUGS)
def test_an_image_names_no_user_of_its_own_and_no_command_of_root(
    names: Mapping[str, str], slug: str
) -> None:
    held = json.loads(docker("image", "inspect", names[slug]))[0]["Config"]
    assert held["User"] == "65534:65534"
    assert held["Cmd"] == ["/opt/hub-ext/start", "jupyter-lab"]
    assert not held["Entrypoint"]
    assert not held.get("Volumes")
    assert not held.get("Healthcheck")


def test_no_file_runs_as_somebody_else(names: Mapping[str, str]) -> None:
    for slug in SLUGS:
        found = docker(
            *("run", "--rm", "--network=none", "--user=0:0", names[slug]),
            *("find", "/", "-xdev", "-type", "f", "-perm", "/6000", "-not", "-path", "/proc/*"),
        )
        assert found == "", slug


def test_the_slow_import_is_absent_and_bytecode_is_there(names: Mapping[str, str]) -> None:
    """The checks of the build, run once more on what was pushed."""
    for slug, folder in (
        ("base", "/opt/hub-ext/venv"),
        ("python", "/opt/python"),
        ("r", "/opt/hub-ext/venv"),
    ):
        docker("run", "--rm", "--network=none", names[slug], "/opt/hub-ext/build/check-python", folder)


def test_the_check_of_the_build_finds_the_slow_import_and_missing_bytecode(names: Mapping[str, str]) -> None:
    """The control of the check above."""
    venv = "/opt/hub-ext/venv"
    spoil = f"cd {venv}/lib/python3.13/site-packages; {{}}; /opt/hub-ext/build/check-python {venv}"
    ways = {
        "rfc3987_syntax is importable": "mkdir rfc3987_syntax; touch rfc3987_syntax/__init__.py",
        "have no bytecode": "rm -r jupyter_server/*/__pycache__ tornado/__pycache__",
    }
    for said, way in ways.items():
        with pytest.raises(AssertionError, match=said):
            docker(
                "run", "--rm", "--network=none", "--user=0:0", names["base"], "sh", "-c", spoil.format(way)
            )


def test_a_user_nobody_knows(python_server: Server) -> None:
    assert python_server.run("id", "-u").strip() == USER.split(":")[0]
    said = python_server.run("/opt/python/bin/python", "-c", "import getpass; print(getpass.getuser())")
    assert said.strip() == "jovyan"
    prompt = docker("exec", "-i", python_server.container, "bash", "-ic", "echo ${PS1@P}; whoami || true")
    assert "no name" not in prompt


def test_files_are_shared_with_the_project_s_group(python_server: Server) -> None:
    kernel = python_server.kernel()
    printed = python_server.cell(
        kernel, "open('/tmp/made', 'w').close(); import os; print(oct(os.stat('/tmp/made').st_mode)[-3:])"
    )
    assert printed.strip() == "664"


def test_only_the_home_and_the_temporary_folders_can_be_written(python_server: Server) -> None:
    kernel = python_server.kernel()
    tried = python_server.cell(
        kernel,
        "import os\n"
        "for folder in ('/', '/opt/python/lib/python3.13/site-packages', '/usr/local', '/etc', '/project',\n"
        "               '/data', '/home/jovyan', '/tmp', '/run'):\n"
        "    try:\n        open(folder + '/tried', 'w').close(); print(folder)\n"
        "    except OSError: pass\n",
    )
    assert tried.split() == ["/home/jovyan", "/tmp", "/run"]


def test_french(names: Mapping[str, str]) -> None:
    """A French session speaks French: the locale exists, and so do JupyterLab's words."""
    printed = docker(
        *("run", "--rm", *hardened(environment={"LANG": "fr_FR.UTF-8"}), names["base"]),
        *("/opt/hub-ext/venv/bin/python", "-c"),
        "import locale; locale.setlocale(locale.LC_ALL, '')\n"
        "from jupyterlab_server.translation_utils import SYS_LOCALE, get_language_pack\n"
        "words = get_language_pack(SYS_LOCALE)[0]['jupyterlab']\n"
        "print(locale.localeconv()['decimal_point'], words['Close'][0])",
    )
    assert printed.startswith(", ")
    assert "Fermer" in printed


def test_nothing_asks_the_internet(python_server: Server) -> None:
    status, page = python_server.call("GET", "/lab")
    assert status == 200
    config = json.loads(
        page.partition('id="jupyter-config-data" type="application/json">')[2].partition("</script>")[0]
    )
    disabled = config["disabledExtensions"]
    assert "@jupyterlab/apputils-extension:announcements" in disabled
    assert "@jupyterlab/extensionmanager-extension" in disabled


def test_deleted_is_deleted(python_server: Server) -> None:
    """Not moved to a trash folder, where copies of data would go on living."""
    python_server.run("sh", "-c", "echo x >/home/jovyan/copy.csv")
    assert python_server.call("DELETE", "/api/contents/copy.csv")[0] == 204
    left = python_server.run("find", "/home/jovyan", "-name", "copy.csv*")
    assert left == ""


def test_a_terminal_starts_where_the_programs_are(python_server: Server) -> None:
    status, body = python_server.call("POST", "/api/terminals")
    assert status == 200, body
    shell = python_server.run("sh", "-c", "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done")
    assert "/bin/bash" in shell
    assert "/bin/bash -l" not in shell


def test_every_recipe_has_its_texts_lock_and_smoke_test() -> None:
    for slug in SLUGS:
        folder = CHECKOUT / "images" / slug
        assert (folder / "image.toml").exists()
        assert (folder / "smoke").stat().st_mode & 0o100


@pytest.mark.parametrize(
    ("slug", "kind", "known"),
    [("base", "server", "jupyterlab"), ("python", "python", "pandas"), ("r", "r", "survival")],
)
async def test_the_registry_tells_what_is_in_it(
    registry: RegistrySettings, built_images: dict[str, BuiltImage], slug: str, kind: str, known: str
) -> None:
    """From the last small layers alone: the console does not pull an image to tell its packages."""
    reference = built_images[slug].reference
    async with RegistryClient(registry) as client:
        manifest = await client.manifest(reference.path, reference.digest)
        small = [layer for layer in manifest.layers[-LAST_LAYERS:] if layer.size <= LAYER_BYTES]
        found = [
            packages_in(await client.layer(reference.path, manifest, layer)) for layer in reversed(small)
        ]
    packages = next(one for one in found if one is not None)
    assert packages[kind][known]
    assert packages["server"]["jupyter_server"]
