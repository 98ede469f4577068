"""An interface as it was typed: what starts no server, or what the gate could not serve, is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hub_ext.errors import InputError
from hub_ext.expression.image_env import ALLOWABLE_ENV, DENIED_ENV, emptied, unsafe_to_allow
from hub_ext.flows import image_env
from hub_ext.flows.interface_checks import MOST_PARTS, MOST_POLLS, checked_interface
from hub_ext.model import FindingCode
from hub_ext.model.interfaces import (
    COMMAND,
    JUPYTER,
    Poll,
    PrefixHandling,
    SecretPlace,
    SecretScheme,
)

PROGRAM = replace(COMMAND, command=("rserver", "--www-port={port}", "--www-root-path={prefix}"))


@pytest.mark.parametrize(
    "interface",
    [
        JUPYTER,
        replace(JUPYTER, command=("/opt/conda/bin/jupyter", "lab"), port=9999),
        PROGRAM,
        replace(PROGRAM, command=("sh", "-c", "exec server ${HOME} {start_url}", "")),
        replace(PROGRAM, command=("server", '{"a": 1}')),
        replace(PROGRAM, prefix=PrefixHandling.KEPT, ready_path="healthz", port=1024),
        replace(PROGRAM, secret=SecretPlace("PASSWORD", SecretScheme.NONE)),
        replace(PROGRAM, polls=(Poll(("GET", "POST"), "events/.*"),)),
    ],
)
def test_what_can_be_started_is_kept_as_it_is(interface: Any) -> None:
    assert checked_interface(interface) == interface


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"command": ()}, "The command is empty"),
        ({"command": (" ", "x")}, "The command is empty"),
        ({"command": ("x",) * (MOST_PARTS + 1)}, "too long"),
        ({"command": ("x", "y" * 1001)}, "too long"),
        ({"command": ("x", *["y" * 900] * 9)}, "too long"),
        ({"command": ("x", "a\nb")}, "control character"),
        ({"command": ("x", "a\u202eb")}, "control character"),
        ({"command": ("x", "--port={prot}")}, r"filled in for {prot}. Use {port}, {prefix}, {start_url}"),
        ({"port": 80}, "The port 80 cannot be used. Use one from 1024 to 65535"),
        ({"port": 65536}, "cannot be used"),
        ({"ready_path": "/api"}, "does not lie below"),
        ({"ready_path": "a/../../hub"}, "does not lie below"),
        ({"ready_path": "http://elsewhere/"}, "does not lie below"),
        ({"ready_path": "api?x"}, "does not lie below"),
        ({"ready_path": "a b"}, "does not lie below"),
        ({"ready_path": "a\\b"}, "does not lie below"),
        ({"ready_path": "é"}, "does not lie below"),
        ({"ready_path": "a\r\nHost: x"}, "control character"),
        ({"ready_path": "a" * 201}, "201 characters"),
        ({"polls": (Poll(("GET",), "(a+)+"),)}, "a group is repeated"),
        ({"polls": (Poll((), "a"),)}, "of no method"),
        ({"polls": (Poll(("FETCH",), "a"),)}, "unknown one"),
        ({"polls": tuple(Poll(("GET",), f"a{n}") for n in range(MOST_POLLS + 1))}, "too many polls"),
        ({"polls": tuple(Poll(("GET",), f"{n}" + "a?" * 5) for n in range(5))}, "too many polls"),
        ({"secret": SecretPlace("password", SecretScheme.NONE)}, "cannot be the name"),
        ({"secret": SecretPlace("1X", SecretScheme.NONE)}, "cannot be the name"),
        ({"secret": SecretPlace("X" * 65, SecretScheme.NONE)}, "cannot be the name"),
        ({"secret": SecretPlace("HUB_EXT_LAUNCH", SecretScheme.NONE)}, "another meaning"),
        ({"secret": SecretPlace("JUPYTERHUB_API_TOKEN", SecretScheme.NONE)}, "another meaning"),
        ({"secret": SecretPlace("PATH", SecretScheme.NONE)}, "another meaning"),
        ({"secret": SecretPlace("", SecretScheme.BEARER)}, "the server does not get"),
        *(({"secret": SecretPlace(name, SecretScheme.NONE)}, "another meaning") for name in DENIED_ENV),
    ],
)
def test_what_cannot_be_used_is_said(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        checked_interface(replace(PROGRAM, **changes))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"command": ("jupyter-lab", "--port={port}")},
            "Nothing is filled in for {port} in",
        ),
        ({"prefix": PrefixHandling.STRIPPED}, "keeps its prefix"),
        ({"secret": SecretPlace("PASSWORD", SecretScheme.TOKEN)}, "takes its secret in JUPYTER_TOKEN"),
    ],
)
def test_a_jupyter_server_is_one(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        checked_interface(replace(JUPYTER, **changes))


def test_a_poll_said_twice_is_one() -> None:
    poll = Poll(("GET", "GET"), "a")
    assert checked_interface(replace(PROGRAM, polls=(poll, poll))).polls == (Poll(("GET",), "a"),)


# --- variables ---


def test_only_folders_of_libraries_can_be_allowed() -> None:
    assert set(ALLOWABLE_ENV) < set(DENIED_ENV)
    assert image_env.checked_names(["PYTHONPATH", "LD_LIBRARY_PATH", "PYTHONPATH"]) == (
        "LD_LIBRARY_PATH",
        "PYTHONPATH",
    )
    for name in set(DENIED_ENV) - set(ALLOWABLE_ENV):
        with pytest.raises(InputError, match=f"{name} is emptied in every server"):
            image_env.checked_names([name])
    for name in ("PATH", "ld_library_path", "", "x" * 500):
        with pytest.raises(InputError, match="cannot be allowed"):
            image_env.checked_names([name])


def test_what_is_emptied_is_what_the_image_sets() -> None:
    env = {"LD_LIBRARY_PATH": "/a", "LD_PRELOAD": "/b", "PYTHONPATH": "", "PATH": "/bin"}
    assert emptied(env) == ("LD_LIBRARY_PATH", "LD_PRELOAD")


@pytest.mark.parametrize(
    "value",
    [
        *("lib", "/usr/a:", ":/usr/a", "/usr/a::/opt/b", "/usr/a;lib", ".", "$ORIGIN/lib", "/usr/a:./b"),
        # Of the container's own file system, for a program of the host that begins there.
        *("/proc/self/cwd/lib", "/usr/a:/proc/self/root/b", "/dev/fd/3", "//proc/self/cwd"),
        *("/usr/../proc/self/cwd/lib", "/opt/..", "/", "/usrx/lib"),
        # Of the host, where others than root write.
        *("/tmp/lib", "/home/jovyan/lib", "/var/lib/docker/volumes/v/_data/lib", "/data/mri"),
    ],
)
def test_a_folder_where_a_program_happens_to_be_is_in_the_way(value: str) -> None:
    env = {"LD_LIBRARY_PATH": value, "PYTHONPATH": "/opt/spark/python"}
    assert unsafe_to_allow(env) == ("LD_LIBRARY_PATH",)
    found = image_env.unsafe_findings(env, ("LD_LIBRARY_PATH", "PYTHONPATH"))
    assert [(one.code, one.blocking, dict(one.shown)["names"]) for one in found] == [
        (FindingCode.ENV_UNSAFE, True, "LD_LIBRARY_PATH")
    ]
    assert image_env.unsafe_findings(env, ()) == ()


@pytest.mark.parametrize(
    "value",
    [
        *(
            "/usr/local/nvidia/lib:/usr/local/nvidia/lib64",
            "/opt/conda/lib;/lib64",
            "/usr",
            "/lib/x86_64-linux-gnu",
        ),
        *("/usr/local/spark/python:/usr/local/spark/python/lib/py4j-0.10.9.7-src.zip", "/opt/a..b"),
    ],
)
def test_folders_of_the_system_are_in_order(value: str) -> None:
    assert unsafe_to_allow(dict.fromkeys(ALLOWABLE_ENV, value)) == ()
