"""What an image puts into the home, and what a person puts there."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from hub_ext.adapters import session_files
from hub_ext.cli.setup import demo_data
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.steps import silent
from hub_ext.settings import Settings
from tests.images.server import USER, Server, hardened, server
from tests.images.server import docker as client

NO_ROOM = "rw,uid=23456,gid=34567,mode=700,size=4k,nr_inodes=1"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A folder with a package of one module."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "mine-1.0-py3-none-any.whl", "w") as packed:
        packed.writestr("mine.py", "word = 'installed'\n")
        packed.writestr("mine-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
        packed.writestr(
            "mine-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        packed.writestr("mine-1.0.dist-info/RECORD", "mine.py,,\n")
    return folder


def test_what_a_person_installs_in_python(names: Mapping[str, str], wheel: Path) -> None:
    """It lands in the folder of this Python's version; new kernels see it, the server does not."""
    with server(names["python"], mounts={wheel: "/wheels"}) as running:
        other = "/home/jovyan/.hub-ext/python-3.12/lib/python3.12/site-packages"
        running.run("sh", "-c", f"mkdir -p {other} && echo >{other}/of_another_version.py")
        said = running.cell(running.kernel(), "%pip install --no-index /wheels/mine-1.0-py3-none-any.whl")
        assert "Successfully installed mine" in said
        kernel = running.kernel()
        where = running.cell(kernel, "import mine; print(mine.word, mine.__file__)")
        assert where.split() == [
            "installed",
            "/home/jovyan/.hub-ext/python-3.13/lib/python3.13/site-packages/mine.py",
        ]
        assert "ModuleNotFoundError" in running.cell(kernel, "import of_another_version")
        with pytest.raises(AssertionError, match="No module named 'mine'"):
            running.run("/opt/hub-ext/venv/bin/python", "-c", "import mine")


def test_what_a_person_installs_in_r(r_server: Server) -> None:
    """The first library is the folder of this R's version."""
    kernel = r_server.kernel()
    source = "/tmp/mine"
    made = (
        f"dir.create('{source}/R', recursive = TRUE)\n"
        f"writeLines(c('Package: mine', 'Version: 1.0', 'Title: Mine', 'Description: Mine.', 'Author: me',\n"
        f"             'Maintainer: me <me@example.org>', 'License: none'), '{source}/DESCRIPTION')\n"
        f"writeLines('export(word)', '{source}/NAMESPACE')\n"
        f"writeLines('word <- function() \"installed\"', '{source}/R/mine.R')\n"
        f"install.packages('{source}', repos = NULL, type = 'source', quiet = TRUE)\n"
        "version <- paste(R.version$major, sub('[.].*', '', R.version$minor), sep = '.')\n"
        "cat(mine::word(), find.package('mine'), version)"
    )
    installed, where, version = r_server.cell(kernel, made).split()[-3:]
    assert installed == "installed"
    assert where == f"/home/jovyan/.hub-ext/R-{version}/mine"


@pytest.mark.parametrize(("slug", "code"), [("python", "print(6 * 7)"), ("r", "cat(6 * 7)")])
def test_a_home_without_room_still_starts(names: Mapping[str, str], slug: str, code: str) -> None:
    with server(names[slug], home=NO_ROOM) as running:
        with pytest.raises(AssertionError, match="No space left"):
            running.run("sh", "-c", "echo x >/home/jovyan/file")
        assert running.cell(running.kernel(), code).strip() == "42"
        assert "There is no room left in the home" in running.logs()


def test_a_home_is_never_overwritten(names: Mapping[str, str], tmp_path: Path) -> None:
    """What is missing is copied, what is there stays, byte for byte."""
    volume = client("volume", "create").strip()
    try:
        home = [f"--mount=type=volume,src={volume},dst=/home/jovyan,volume-nocopy"]
        client("run", "--rm", *home, "--user=0:0", names["base"], "chown", USER, "/home/jovyan")
        arguments = [a for a in hardened() if not a.startswith("--tmpfs=/home")]
        look = ["sh", "-c", "find . -type f | sort; cat demo/demo-python.ipynb | head -c 20"]
        run = ["run", "--rm", *arguments, *home, names["python"], "/opt/hub-ext/start"]
        first = client(*run, *look)
        assert "./demo/demo-python.ipynb" in first
        assert "./.cache/matplotlib/fontlist-" in first
        client(*run, "sh", "-c", "echo my own words >demo/demo-python.ipynb; rm -r .cache")
        second = client(*run, *look)
        assert second.endswith("my own words\n")
        assert "./.cache/matplotlib/fontlist-" in second
    finally:
        client("volume", "rm", "--force", volume)


@pytest.mark.parametrize("image", ["python", "r"])
def test_the_facts_of_a_session_are_read_in_each_language(
    names: Mapping[str, str], tmp_path: Path, image: str
) -> None:
    settings = Settings(state_dir=tmp_path)
    folder = session_files.write(settings, "lau-1", json.dumps({"project": {"slug": "onco"}}))
    place = "/run/hub-ext/session.json"
    read = {
        "python": "import json, os; print(json.load(open(os.environ['HUB_EXT_SESSION']))['project']['slug'])",
        "r": 'cat(jsonlite::fromJSON(Sys.getenv("HUB_EXT_SESSION"))$project$slug)',
    }
    with server(
        names[image], mounts={folder: "/run/hub-ext"}, environment={"HUB_EXT_SESSION": place}
    ) as running:
        assert running.cell(running.kernel(), read[image]).strip() == "onco"
        in_shell = 'cat "$HUB_EXT_SESSION"'
        assert json.loads(running.run("bash", "-c", in_shell)) == {"project": {"slug": "onco"}}
        for change in (f"echo x >{place}", f"rm {place}", "mv /run/hub-ext /run/other", f"touch {place}2"):
            tried = running.run("sh", "-c", f"({change}) 2>&1; echo $?")
            assert tried.splitlines()[-1] != "0", change
        # The control: beside it the person writes.
        assert running.run("sh", "-c", "mkdir /run/mine && mv /run/mine /run/other; echo $?") == "0\n"


def _notebook(running: Server, name: str) -> str:
    """All that the notebook's cells printed, and how many pictures they drew."""
    program = (
        "import json, nbformat, nbclient, sys\n"
        f"book = nbformat.read('/home/jovyan/demo/{name}', 4)\n"
        "nbclient.NotebookClient(book, timeout=120).execute()\n"
        "outputs = [o for c in book.cells if c.cell_type == 'code' for o in c.outputs]\n"
        "text = ''.join(o.get('text', '') for o in outputs)\n"
        "pictures = sum('image/png' in o.get('data', {}) for o in outputs)\n"
        "print(json.dumps([text, pictures]))"
    )
    text, pictures = json.loads(running.run("/opt/hub-ext/venv/bin/python", "-c", program))
    return f"{text}\npictures: {pictures}"


@pytest.fixture(scope="module")
def data(names: Mapping[str, str], docker: EngineFacts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's datasets."""
    root = tmp_path_factory.mktemp("demo") / "data"
    demo_data.ensure_demo_data(root, names["python"], engine_url=docker.url, say=silent)
    return root


@pytest.mark.parametrize(
    ("slug", "pictures", "expected"),
    [
        ("python", 3, ("569 tumours", "AUC 0.9", "Read-only file system")),
        ("r", 1, ("treated", "exp(coef)", "survival → read-only")),
    ],
)
def test_the_demo_notebooks_read_fit_and_draw(
    names: Mapping[str, str], data: Path, slug: str, pictures: int, expected: tuple[str, ...]
) -> None:
    with server(
        names[slug],
        mounts={data / name: f"/data/{name}" for name in demo_data.SLUGS},
        groups=[demo_data.READ_GID],
        environment={"HUB_EXT_PROJECT": "onco", "HUB_EXT_DATASETS": ",".join(demo_data.SLUGS)},
    ) as running:
        said = _notebook(running, f"demo-{slug}.ipynb")
    for words in (*expected, f"pictures: {pictures}"):
        assert words in said


def test_the_demo_notebooks_without_data_say_how_to_get_it(python_server: Server, r_server: Server) -> None:
    for running, name in ((python_server, "demo-python.ipynb"), (r_server, "demo-r.ipynb")):
        said = _notebook(running, name)
        assert "none · aucun" in said
        assert "survival is not mounted" in said
        assert "survival n'est pas monté" in said
        assert "pictures: 0" in said
