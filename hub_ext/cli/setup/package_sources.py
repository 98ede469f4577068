"""Where this machine takes packages from, written down for a build as secrets: none stays in an image.

No address is ours to know: Debian's come from apt's settings, Python's from pip's.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from hub_ext.errors import SettingsError

RELEASE = "trixie"
OS_RELEASE = Path("/etc/os-release")
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
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
    apt: Path = Path("/etc/apt"),
    os_release: Path = OS_RELEASE,
) -> None:
    """Writes apt.list, apt.conf, pip.conf, uv.toml and ca.pem, each empty where nothing is to say.

    apt.list names the sources of `release`. Raises SettingsError where apt knows no Debian source.
    """
    here = codename(os_release)
    lines = sorted(set(debian_lines(apt, here, release)))
    if not lines:
        raise SettingsError(
            f"apt knows no source of Debian {here}.", advice=f"Add one under {apt}/sources.list.d."
        )
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


def debian_lines(apt: Path, here: str, release: str = RELEASE) -> Iterator[str]:
    """This machine's sources of Debian `here`, main only, in apt's one-line form, moved to `release`."""
    for path in sorted((apt / "sources.list.d").glob("*.sources")):
        for paragraph in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
            fields = _fields(paragraph)
            if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes") == "no":
                continue
            for uri in fields.get("uris", "").split():
                for suite in fields.get("suites", "").split():
                    components = fields.get("components", "").split()
                    yield from _line(uri, suite, components, (here, release), fields)
    for path in (apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))):
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            words = re.sub(r"\[[^]]*\]", "", line.split("#")[0]).split()
            if len(words) >= 3 and words[0] == "deb":
                yield from _line(words[1], words[2], words[3:], (here, release), {})


def _line(
    uri: str, suite: str, components: list[str], moved: tuple[str, str], fields: dict[str, str]
) -> Iterator[str]:
    base, _, pocket = suite.partition("-")
    here, release = moved
    if base == here and "main" in components:
        key = fields.get("signed-by", "")
        # The keyring of Debian's archive is in every root file system; another would not be there.
        signed = f"[signed-by={key}] " if key.endswith("/debian-archive-keyring.gpg") else ""
        yield f"deb {signed}{uri} {release}{'-' + pocket if pocket else ''} main"


def _fields(paragraph: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in paragraph.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace() and name:
            fields[name] += " " + line.strip()
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
