"""Where this machine takes packages from, written down for a build as secrets: none stays in an image.

No address is ours to know: Debian's come from apt's settings, Python's from pip's. deploy/lib/unpacked.sh
runs this module before any environment is made: it needs the standard library alone.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub_ext.errors import SettingsError

RELEASE = "trixie"
OS_RELEASE = Path("/etc/os-release")
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_POCKETS = ("", "updates", "security")
_ALIASES = ("stable", "oldstable", "oldoldstable", "testing")
# What Release files of Debian say, on every mirror.
_ORIGIN = "Debian"
# Files that an earlier version wrote beside the machine's own begin so; deploy/lib/restore.sh removes them.
_EARLIER_VERSION = "hub-ext-"
_KEY_BEGINS = "-----BEGIN"
# Settings of apt that say how it reaches its sources.
_APT_SETTINGS = re.compile(r"Acquire::(https?::|Check-|Retries|ForceIPv)")
_PIP_TO_UV = {
    "index-url": "index-url",
    "extra-index-url": "extra-index-url",
    "trusted-host": "allow-insecure-host",
}


def write_secrets(
    folder: Path,
    *,
    release: str = RELEASE,
    options: Sequence[str] = (),
    os_release: Path = OS_RELEASE,
) -> None:
    """Writes apt.list, apt.conf, pip.conf, uv.toml and ca.pem, each empty where nothing is to say.

    apt.list names the sources of `release`; `options` are apt's own. Raises SettingsError where apt knows no
    Debian source.
    """
    here = codename(os_release)
    lines = sorted(set(debian_lines(here, release, options)))
    if not lines:
        raise _no_source(here)
    pip = _pip_settings()
    private = {
        "apt.list": "".join(f"{line}\n" for line in lines),
        "apt.conf": _apt_settings(),
        "pip.conf": _pip_conf(pip),
        "uv.toml": _uv_toml(pip),
        "ca.pem": _ca_bundle(pip),
    }
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in private.items():
        file = folder / name
        file.touch(0o600)
        file.write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class DebianSource:
    """A source of the main part of this machine's Debian: `pocket` is "", "updates" or "security".

    `signed_by` is what its Signed-By says, one word or line each: files, fingerprints, or the key itself.
    `assumed` where it names its suite by an alias such as "stable" and no list is there to say whose that is.
    """

    uri: str
    pocket: str
    signed_by: tuple[str, ...]
    assumed: bool = False

    def line(self, release: str) -> str:
        """The source in apt's one-line form, moved to that release."""
        # The keyring of Debian's archive is in every root file system; another would not be there.
        archive = [key for key in self.signed_by if key.endswith("/debian-archive-keyring.gpg")]
        signed = f"[signed-by={archive[0]}] " if len(archive) == len(self.signed_by) == 1 else ""
        return f"deb {signed}{self.uri} {self._suite(release)} main"

    def stanza(self, release: str, architecture: str) -> str:
        """The source in apt's deb822 form, moved to that release. It must be signed, whatever it was here."""
        fields = [
            "Types: deb",
            f"URIs: {self.uri}",
            f"Suites: {self._suite(release)}",
            "Components: main",
            f"Architectures: {architecture}",
        ]
        if self.signed_by:
            before = "\n " if self.signed_by[0].startswith(_KEY_BEGINS) else " "
            fields.append("Signed-By:" + "".join(f"{before}{line}" for line in self.signed_by))
        return "".join(f"{field}\n" for field in fields)

    def _suite(self, release: str) -> str:
        return f"{release}-{self.pocket}" if self.pocket else release


def debian_sources(here: str, options: Sequence[str] = ()) -> tuple[DebianSource, ...]:
    """This machine's sources of Debian `here`, as apt itself reads its settings; `options` are apt's own.

    A source whose lists are there must say that it is Debian's. Raises SettingsError where apt cannot read
    its settings.
    """
    architecture = native_architecture(options)
    releases = _releases(options)
    found: dict[DebianSource, None] = {}
    for uri, suite, component, of_architecture, entry in _index_targets(
        options, "REPO_URI", "RELEASE", "COMPONENT", "ARCHITECTURE", "SOURCESENTRY", release_info=False
    ):
        file, _, number = entry.rpartition(":")
        base, _, pocket = suite.partition("-")
        if component != "main" or of_architecture != architecture or pocket not in _POCKETS:
            continue
        # A disc has no other release; a folder with a space in its name has no deb822 form.
        if Path(file).name.startswith(_EARLIER_VERSION) or re.search(r"^cdrom:|\s", uri):
            continue
        assumed = False
        if (uri, suite) in releases:
            origin, name = releases[uri, suite]
            base = name.partition("-")[0] if base in _ALIASES else base
            if origin != _ORIGIN:
                continue
        elif base in _ALIASES:
            base, assumed = here, True
        if base == here:
            found[DebianSource(uri.rstrip("/"), pocket, _signed_by(Path(file), int(number)), assumed)] = None
    return tuple(found)


def debian_lines(here: str, release: str = RELEASE, options: Sequence[str] = ()) -> Iterator[str]:
    """This machine's sources of Debian `here`, main only, in apt's one-line form, moved to `release`.

    Each must answer: an assumed one is left out where there is another.
    """
    sources = debian_sources(here, options)
    for source in [source for source in sources if not source.assumed] or sources:
        yield source.line(release)


def native_architecture(options: Sequence[str] = ()) -> str:
    """Debian's name of this machine's architecture, such as "amd64"."""
    shown = _apt(["apt-config", *options, "shell", "name", "APT::Architecture"])
    return shlex.split(shown)[0].partition("=")[2]


def _index_targets(options: Sequence[str], *fields: str, release_info: bool) -> Iterator[tuple[str, ...]]:
    """Lists of packages that apt would fetch; with `release_info` those that it has, with their Release."""
    format_ = "\t".join(f"$({field})" for field in fields)
    words = ["indextargets", *([] if release_info else ["--no-release-info"]), "--format", format_]
    for line in _apt(["apt-get", *options, *words, "Created-By: Packages"]).splitlines():
        values = tuple(line.split("\t"))
        if len(values) == len(fields):
            yield values


def _releases(options: Sequence[str]) -> dict[tuple[str, str], tuple[str, str]]:
    """Origin and codename of the sources whose lists are there, by address and suite."""
    # apt's own cache stays as it is.
    uncached = (*options, "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=")
    return {
        (uri, suite): (origin, name)
        for uri, suite, origin, name in _index_targets(
            uncached, "REPO_URI", "RELEASE", "ORIGIN", "CODENAME", release_info=True
        )
    }


def _apt(command: list[str]) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        why = ended.stderr.strip().splitlines()[-1:] or [f"status {ended.returncode}"]
        raise SettingsError(
            "apt cannot read its settings: {why}", why=why[0], advice="'apt-get update' tells more."
        )
    return ended.stdout


def _signed_by(file: Path, number: int) -> tuple[str, ...]:
    """Signed-By of the line or stanza of that number in a file of sources; apt 2 and 3 do not print it."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".sources":
        value = _fields(_stanzas(text)[number - 1]).get("signed-by", "")
    else:
        options = re.match(r"\s*deb\s+\[([^]]*)\]", text.splitlines()[number - 1])
        matched = re.search(r"(?:^|\s)signed-by=(\S+)", options[1] if options else "", re.IGNORECASE)
        value = matched[1] if matched else ""
    if value.startswith(_KEY_BEGINS):
        return tuple(value.splitlines())
    return tuple(re.split(r"[\s,]+", value)) if value else ()


def _stanzas(text: str) -> list[str]:
    """As apt counts them: comments are not there, and only an empty line ends a stanza."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [stanza for stanza in re.split(r"\n{2,}", "\n".join(lines).strip("\n")) if stanza]


def _fields(stanza: str) -> dict[str, str]:
    """Its fields by their names in lower case; the lines of a value are kept apart."""
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line[:1].isspace() and name:
            fields[name] = f"{fields[name]}\n{line.strip()}".lstrip("\n")
        elif ":" in line:
            name, value = line.split(":", 1)
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def codename(os_release: Path = OS_RELEASE) -> str:
    """The release of Debian that this machine is, such as "bookworm". Raises SettingsError."""
    for line in os_release.read_text(encoding="utf-8").splitlines():
        if line.startswith("VERSION_CODENAME="):
            return shlex.split(line.split("=", 1)[1])[0]
    raise SettingsError(f"{os_release} names no Debian release.", advice="hub-ext builds images on Debian.")


def _no_source(here: str) -> SettingsError:
    return SettingsError(
        "apt knows no source of Debian {here}.", here=here, advice="Add one under /etc/apt/sources.list.d."
    )


def _apt_settings() -> str:
    shown = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return "".join(f"{line}\n" for line in shown.splitlines() if _APT_SETTINGS.match(line))


def _pip_settings() -> dict[str, str]:
    """pip's settings in force, by their long names. Files of this machine are not there in a build."""
    pip = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    settings: dict[str, str] = {}
    for line in pip.stdout.splitlines():
        key, _, value = line.partition("=")
        settings[key.rpartition(".")[2]] = value.strip("'\"")
    for name, variable in (("index-url", "PIP_INDEX_URL"), ("extra-index-url", "PIP_EXTRA_INDEX_URL")):
        if os.environ.get(variable):
            settings[name] = os.environ[variable]
    for name in ("index-url", "extra-index-url"):
        remote = [url for url in re.split(r"\s+|\\n", settings.pop(name, "")) if url.startswith("http")]
        if remote:
            settings[name] = " ".join(remote)
    return settings


def _pip_conf(settings: dict[str, str]) -> str:
    names = ("index-url", "extra-index-url", "trusted-host", "proxy")
    lines = [f"{name} = {settings[name]}\n" for name in names if settings.get(name)]
    return "[global]\n" + "".join(lines) if lines else ""


def _uv_toml(settings: dict[str, str]) -> str:
    lines = []
    for name, uv_name in _PIP_TO_UV.items():
        values = settings.get(name, "").split()
        if values:
            quoted = ", ".join(f'"{value}"' for value in values)
            lines.append(f"{uv_name} = {quoted if uv_name == 'index-url' else f'[{quoted}]'}\n")
    if settings.get("extra-index-url"):
        # As pip does: the best version of all sources. The lock's hashes say which bytes are right.
        lines.append('index-strategy = "unsafe-best-match"\n')
    return "".join(lines)


def _ca_bundle(settings: dict[str, str]) -> str:
    named = settings.get("cert") or os.environ.get("SSL_CERT_FILE") or str(CA_BUNDLE)
    return Path(named).read_text(encoding="utf-8") if Path(named).is_file() else ""


def main(words: Sequence[str]) -> int:
    """Prints this machine's sources of Debian, moved to the release that `words` name, as stanzas."""
    release = words[0]
    try:
        here = codename()
        sources = debian_sources(here)
        if not sources:
            raise _no_source(here)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(source.stanza(release, native_architecture()) for source in sources), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
