"""Package sources come from the machine's own settings, moved to the release that images are made of."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub_ext.cli.setup.layout import CHECKOUT
from hub_ext.cli.setup.package_sources import debian_lines, debian_sources, native_architecture, write_secrets
from hub_ext.errors import SettingsError

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEB822 = f"""\
Types: deb deb-src
# a comment
URIs: https://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: {KEYRING}

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
KEY = """\
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEbookworm
 -----END PGP PUBLIC KEY BLOCK-----
"""


@dataclass(frozen=True, slots=True)
class Apt:
    """Settings and lists of an apt of its own."""

    folder: Path

    @property
    def options(self) -> tuple[str, ...]:
        settings = {"Etc": "etc", "State::lists": "lists", "State::status": "status", "Cache": "cache"}
        return tuple(
            word for name, path in settings.items() for word in ("-o", f"Dir::{name}={self.folder / path}")
        )

    def write(self, name: str, text: str) -> None:
        file = self.folder / "etc" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def lines(self) -> list[str]:
        return sorted(debian_lines("bookworm", "trixie", self.options))

    def stanzas(self) -> list[str]:
        sources = debian_sources("bookworm", self.options)
        return [source.stanza("trixie", native_architecture(self.options)) for source in sources]

    def publish(self, name: str, *, suite: str, codename: str, origin: str) -> str:
        """A source with one package, and its address."""
        root = self.folder / name
        packages = root / f"dists/{suite}/main/binary-{native_architecture()}/Packages"
        packages.parent.mkdir(parents=True)
        packages.write_text("Package: x\nVersion: 1\nArchitecture: all\nFilename: x.deb\nSize: 1\n")
        (root / f"dists/{suite}/Release").write_text(
            f"Origin: {origin}\nSuite: {suite}\nCodename: {codename}\nComponents: main\n"
            "Date: Sat, 13 May 2023 23:21:12 UTC\n"
            f"Architectures: {native_architecture()}\nSHA256:\n"
        )
        digest = hashlib.sha256(packages.read_bytes()).hexdigest()
        path = packages.relative_to(root / f"dists/{suite}")
        with (root / f"dists/{suite}/Release").open("a") as release:
            release.write(f" {digest} {packages.stat().st_size} {path}\n")
        return f"file:{root}"

    def update(self) -> None:
        subprocess.run(["apt-get", *self.options, "update"], check=True, capture_output=True)


@pytest.fixture
def apt(tmp_path: Path) -> Apt:
    for folder in ("etc/sources.list.d", "lists/partial", "cache/archives/partial"):
        (tmp_path / "apt" / folder).mkdir(parents=True)
    (tmp_path / "apt/status").touch()
    return Apt(tmp_path / "apt")


def test_both_forms_of_sources_are_read_and_only_those_of_the_machine_s_release(apt: Apt) -> None:
    apt.write("sources.list.d/debian.sources", DEB822)
    apt.write(
        "sources.list",
        f"deb [arch={native_architecture()}] https://old.example/debian bookworm main non-free # here\n"
        "# deb https://comment.example/debian bookworm main\n"
        "deb-src https://old.example/debian bookworm main\n"
        "deb https://old.example/debian bookworm contrib\n"
        "deb https://pg.example/pg bookworm-pgdg main\n"
        "deb [arch=mips] https://other-machine.example/debian bookworm main\n"
        "deb cdrom:[Debian]/ bookworm main\n",
    )
    assert apt.lines() == [
        f"deb [signed-by={KEYRING}] https://mirror.example/debian trixie main",
        f"deb [signed-by={KEYRING}] https://mirror.example/debian trixie-updates main",
        "deb https://mirror.example/security trixie-security main",
        "deb https://old.example/debian trixie main",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "types: deb\nuris: https://a.example/d\nsuites: bookworm\ncomponents: main\n",
        "Types:\tdeb\nURIs:\thttps://a.example/d\nSuites:\tbookworm\nComponents:\tmain\n",
        "Types: deb\nURIs: https://a.example/d\nSuites:\n bookworm\nComponents:\n contrib\n main\n",
        "Types: deb\nURIs: https://a.example/d\nSuites: bookworm trixie\nComponents: main\n",
        "Types: deb\nURIs: https://a.example/d\nSuites: stable\nComponents: main\n",
        "Types: deb\nURIs: https://a.example/d\nSuites: oldstable\nComponents: main\n",
    ],
)
def test_stanzas_are_read_as_apt_reads_them(apt: Apt, text: str) -> None:
    apt.write("sources.list.d/a.sources", text)
    assert apt.lines() == ["deb https://a.example/d trixie main"]


@pytest.mark.parametrize("word", ["no", "false", "0", "off"])
def test_a_stanza_that_is_disabled_does_not_count(apt: Apt, word: str) -> None:
    stanza = "Types: deb\nURIs: https://a.example/d\nSuites: bookworm\nComponents: main\n"
    apt.write("sources.list.d/a.sources", stanza + f"Enabled: {word}\n")
    assert apt.lines() == []
    apt.write("sources.list.d/a.sources", stanza)
    assert apt.lines() == ["deb https://a.example/d trixie main"]


def test_names_in_addresses_and_keys_stay(apt: Apt) -> None:
    apt.write(
        "sources.list.d/a.sources",
        "# for bookworm\n\nTypes: deb\nURIs: https://a.example/bookworm\nSuites: bookworm\nComponents: main\n"
        "Signed-By: /keys/bookworm.gpg, /keys/b.gpg\n\n\n"
        "Types: deb\nURIs: https://b.example/d\nSuites: bookworm\nComponents: main\nEnabled: no\n\n"
        "Types: deb\nURIs: https://c.example/d\nSuites: bookworm\nComponents: main\n"
        f"signed-by:\n{KEY}",
    )
    apt.write(
        "sources.list", "# x\ndeb\t[ signed-by=/keys/bookworm.asc ]\thttps://d.example/d bookworm main\n"
    )
    rest = f"Suites: trixie\nComponents: main\nArchitectures: {native_architecture()}\n"
    assert sorted(apt.stanzas()) == [
        f"Types: deb\nURIs: https://a.example/bookworm\n{rest}Signed-By: /keys/bookworm.gpg /keys/b.gpg\n",
        f"Types: deb\nURIs: https://c.example/d\n{rest}Signed-By:\n{KEY}",
        f"Types: deb\nURIs: https://d.example/d\n{rest}Signed-By: /keys/bookworm.asc\n",
    ]


def test_what_is_written_is_read_by_apt_again(apt: Apt) -> None:
    apt.write(
        "sources.list.d/a.sources",
        f"Types: deb\nURIs: https://a.example/d\nSuites: bookworm\nComponents: main\nSigned-By:\n{KEY}\n"
        "Types: deb\nURIs: https://b.example/d\nSuites: bookworm\nComponents: main\n"
        "Signed-By: /a.gpg /b.gpg\n",
    )
    before = debian_sources("bookworm", apt.options)
    apt.write("sources.list.d/a.sources", "\n".join(apt.stanzas()))
    assert debian_sources("trixie", apt.options) == before


def test_nothing_lets_an_unsigned_source_pass(apt: Apt) -> None:
    stanza = "Types: deb\nURIs: https://a.example/d\nSuites: bookworm\nComponents: main\n"
    apt.write("sources.list.d/a.sources", stanza + "Trusted: yes\nAllow-Insecure: yes\nAllow-Weak: yes\n")
    apt.write("sources.list", "deb [trusted=yes allow-insecure=yes] https://b.example/d bookworm main\n")
    stanzas = apt.stanzas()
    assert len(stanzas) == 2
    assert not [stanza for stanza in stanzas if "trusted" in stanza.lower() or "allow" in stanza.lower()]


def test_files_of_an_earlier_version_are_not_the_machine_s_own(apt: Apt) -> None:
    for name in ("hub-ext-debian.sources", "own.sources"):
        text = f"Types: deb\nURIs: https://{name}.example\nSuites: bookworm\nComponents: main\n"
        apt.write(f"sources.list.d/{name}", text)
    assert apt.lines() == ["deb https://own.sources.example trixie main"]


def test_lists_say_whose_a_source_is_and_which_release_an_alias_names(apt: Apt) -> None:
    debian = apt.publish("debian", suite="stable", codename="bookworm", origin="Debian")
    newer = apt.publish("newer", suite="testing", codename="trixie", origin="Debian")
    vendor = apt.publish("vendor", suite="bookworm", codename="bookworm", origin="Vendor")
    apt.write(
        "sources.list",
        f"deb [trusted=yes] {debian} stable main\ndeb [trusted=yes] {newer} testing main\n"
        f"deb [trusted=yes] {vendor} bookworm main\n",
    )
    assert f"deb {vendor} trixie main" in apt.lines()  # the control: before there are lists
    apt.update()
    assert apt.lines() == [f"deb {debian} trixie main"]


def test_settings_that_apt_cannot_read_are_no_absence(apt: Apt) -> None:
    apt.write("sources.list", "nonsense\n")
    with pytest.raises(SettingsError, match="apt cannot read its settings"):
        debian_sources("bookworm", apt.options)


def test_the_standard_library_is_enough(apt: Apt) -> None:
    """Debian's own Python runs it, before there is an environment."""
    command = ["/usr/bin/python3", "-S", "-m", "hub_ext.cli.setup.package_sources", "trixie"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Suites: trixie\n" in done.stdout


def test_secrets_are_their_owner_s_alone(tmp_path: Path):
    write_secrets(tmp_path / "secrets")
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    files = {path.name: path for path in (tmp_path / "secrets").iterdir()}
    assert set(files) == {"apt.list", "apt.conf", "pip.conf", "uv.toml", "ca.pem"}
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
    assert " trixie main" in files["apt.list"].read_text()
    assert "file:" not in files["pip.conf"].read_text()


def test_a_machine_without_a_source_of_debian_is_told_so(tmp_path: Path, apt: Apt):
    with pytest.raises(SettingsError, match="no source of Debian"):
        write_secrets(tmp_path / "secrets", options=apt.options)
