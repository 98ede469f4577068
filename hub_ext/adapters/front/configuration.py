"""nginx.conf as a pure function of the front's settings. Its text is nginx.conf.j2 beside this file."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hub_ext.errors import SettingsError
from hub_ext.settings import GIB, MIB

HEADERS_FILE = "headers.js"
_FOLDER = Path(__file__).parent
# Nothing that nginx would read as more than a word.
_WORD = re.compile(r"[\w./:\[\]@+-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The certificate, with its chain, and its key, both in PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """What the front's configuration depends on. Paths are those that nginx itself sees.

    `address` and `port` are where browsers come in; `hub` and `console` are HOST:PORT. `public_origin` is the
    Hub's in browsers: where it is given, only its name and ADDRESS:PORT lead to Hub and console. `folder` has
    headers.js and the pages, `modules` nginx's modules, `scratch` is where nginx may write. The bounds in
    bytes are those of a request's body. `requests_of_server` is how many requests of one address a person's
    servers may have in hand, WebSockets beside. `open_files` is what each of `workers` processes may hold.
    `containers` are the HOST:PORT of servers to which connections are kept.
    """

    address: str
    port: int
    hub: str
    console: str
    gate_socket: Path
    folder: Path
    modules: Path
    scratch: Path
    access_log: Path
    upload_max_bytes: int = 20 * GIB
    hub_body_bytes: int = 2 * MIB
    console_body_bytes: int = 16 * MIB
    requests_of_server: int = 512
    workers: int = 2
    open_files: int = 32768
    public_origin: str = ""
    tls: TlsFiles | None = None
    containers: tuple[str, ...] = ()


def nginx_conf(settings: FrontSettings) -> str:
    """The text of nginx.conf. Raises SettingsError for a value that is no plain word."""
    values = asdict(settings)
    containers = (("containers", container) for container in settings.containers)
    for name, value in (*values.items(), *(values["tls"] or {}).items(), *containers):
        if isinstance(value, str | Path) and not _WORD.fullmatch(str(value)):
            raise SettingsError(
                "The front cannot be configured: {name} is {value!r}.", name=name, value=str(value)
            )
    environment = Environment(  # noqa: S701 - no HTML, and every value is a plain word
        loader=FileSystemLoader(_FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("nginx.conf.j2").render(values)


def headers_js() -> str:
    """The text of headers.js: which headers of a container's answers pass."""
    return (_FOLDER / HEADERS_FILE).read_text(encoding="utf-8")
