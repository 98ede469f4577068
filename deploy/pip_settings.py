"""Print the machine's pip settings as uv's environment variables, for a shell to read.

Usage: pip_settings.py PIP. uv does not read pip's files, and no address of a package source is ours to know.
"""

import ast
import shlex
import subprocess
import sys

# Sections of pip's settings that its install command reads, weakest first; ":env:" are its variables.
SECTIONS = ("global", "install", ":env:")
# pip's name, uv's name, what stands between several values.
NAMES = (
    ("index-url", "UV_DEFAULT_INDEX", ""),
    ("extra-index-url", "UV_INDEX", " "),
    ("find-links", "UV_FIND_LINKS", ","),
    ("trusted-host", "UV_INSECURE_HOST", " "),
    ("cert", "SSL_CERT_FILE", ""),
    ("proxy", "ALL_PROXY", ""),
    ("no-index", "UV_NO_INDEX", ""),
    ("keyring-provider", "UV_KEYRING_PROVIDER", ""),
)


def pip_settings(listing: str) -> dict[str, str]:
    """The settings in force, by pip's long names, from the output of `pip config list`."""
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in found:
            found[section][name] = str(ast.literal_eval(value))
    return {name: value for section in SECTIONS for name, value in found[section].items()}


def uv_variables(settings: dict[str, str]) -> dict[str, str]:
    """The same settings as uv's environment variables."""
    variables = {
        # As pip does: the best version of all sources. The lock's hashes say which bytes are right.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        # As Debian's pip does: an authority that the machine trusts, a hospital's own say, is trusted.
        "UV_SYSTEM_CERTS": "true",
    }
    for name, variable, between in NAMES:
        if settings.get(name):
            variables[variable] = between.join(settings[name].split()) if between else settings[name]
    if variables.get("UV_KEYRING_PROVIDER") not in (None, "disabled", "subprocess"):
        del variables["UV_KEYRING_PROVIDER"]
    return variables


if __name__ == "__main__":
    listed = subprocess.run([sys.argv[1], "config", "list"], check=True, capture_output=True, text=True)
    for variable, value in uv_variables(pip_settings(listed.stdout)).items():
        print(f"export {variable}={shlex.quote(value)}")
