"""pip's settings as uv's environment variables."""

from __future__ import annotations

import importlib.util
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from hub_ext.cli.setup.layout import CHECKOUT

SCRIPT = CHECKOUT / "deploy/pip_settings.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pip_settings", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_stronger_sections_win(script: ModuleType) -> None:
    listing = (
        ":env:.cert='/env.pem'\n"
        "global.cert='/global.pem'\n"
        "global.index-url='https://a.example/simple'\n"
        "install.index-url='https://b.example/simple'\n"
        "download.index-url='https://c.example/simple'\n"
    )
    assert script.pip_settings(listing) == {"cert": "/env.pem", "index-url": "https://b.example/simple"}


def test_each_has_its_variable(script: ModuleType) -> None:
    given = {
        "index-url": "https://me:it's@a.example/simple",
        "extra-index-url": "\nhttps://b.example/simple\nfile:///c",
        "find-links": "/wheels /more",
        "trusted-host": "a.example b.example",
        "cert": "/ca.pem",
        "proxy": "http://p.example:3128",
        "timeout": "60",
    }
    assert script.uv_variables(given) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_SYSTEM_CERTS": "true",
        "UV_DEFAULT_INDEX": "https://me:it's@a.example/simple",
        "UV_INDEX": "https://b.example/simple file:///c",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_INSECURE_HOST": "a.example b.example",
        "SSL_CERT_FILE": "/ca.pem",
        "ALL_PROXY": "http://p.example:3128",
    }


def test_a_shell_reads_it_and_nothing_more(tmp_path: Path) -> None:
    pip = tmp_path / "pip"
    listed = shlex.quote("global.index-url='https://x.example/$(id);`id`'")
    pip.write_text(f"#!/bin/sh\nprintf '%s\\n' {listed}\n")
    pip.chmod(0o755)
    done = subprocess.run(
        ["sh", "-euc", f'eval "$({sys.executable} {SCRIPT} {pip})"; printf %s "$UV_DEFAULT_INDEX"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "https://x.example/$(id);`id`"
