"""Package sources come from the machine's own settings, moved to the release that images are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_ext.cli.setup.package_sources import debian_lines, write_secrets
from hub_ext.errors import SettingsError

DEB822 = """\
Types: deb deb-src
# a comment
URIs: https://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://mirror.example/security
Suites: bookworm-security
Components: main

Types: deb
URIs: https://elsewhere.example/tool
Suites: stable
Components: main

Types: deb
URIs: https://off.example/debian
Suites: bookworm
Components: main
Enabled: no
"""


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    (tmp_path / "apt" / "sources.list.d").mkdir(parents=True)
    return tmp_path / "apt"


def test_both_forms_of_sources_are_read_and_only_those_of_the_machine_s_release(apt: Path):
    (apt / "sources.list.d" / "debian.sources").write_text(DEB822)
    (apt / "sources.list").write_text(
        "deb [arch=amd64] https://old.example/debian bookworm main non-free # here\n"
        "# deb https://comment.example/debian bookworm main\n"
        "deb-src https://old.example/debian bookworm main\n"
        "deb https://old.example/debian bookworm contrib\n"
    )
    assert sorted(debian_lines(apt, "bookworm")) == [
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] https://mirror.example/debian"
        " trixie main",
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] https://mirror.example/debian"
        " trixie-updates main",
        "deb https://mirror.example/security trixie-security main",
        "deb https://old.example/debian trixie main",
    ]


def test_secrets_are_their_owner_s_alone(tmp_path: Path):
    write_secrets(tmp_path / "secrets")
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    files = {path.name: path for path in (tmp_path / "secrets").iterdir()}
    assert set(files) == {"apt.list", "apt.conf", "pip.conf", "uv.toml", "ca.pem"}
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
    assert " trixie main" in files["apt.list"].read_text()
    assert "file:" not in files["pip.conf"].read_text()


def test_a_machine_without_a_source_of_debian_is_told_so(tmp_path: Path, apt: Path):
    with pytest.raises(SettingsError, match="no source of Debian"):
        write_secrets(tmp_path / "secrets", apt=apt)
