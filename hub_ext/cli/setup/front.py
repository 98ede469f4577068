"""The front: nginx on the address of the instance, as a user of its own who sees nothing of the state.

The state may lie where that user cannot go, under /root for instance. A mount namespace of nginx's own shows
it what it needs below /run, in the place of the host's: programs, configuration, log, and the gate's socket.

The master is the first process of a process namespace of nginx's own: when it ends, however it ends, the
kernel ends its workers too, which would keep the port.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
from itertools import islice
from pathlib import Path

from hub_ext.adapters.engine.network import subnet
from hub_ext.adapters.front import HEADERS_FILE, FrontSettings, TlsFiles, headers_js, nginx_conf, page_files
from hub_ext.cli.setup.children import Child, ChildFailed, first_place, start
from hub_ext.cli.setup.front_certificate import CERTIFICATE_FILE, KEY_FILE, FrontCertificate
from hub_ext.cli.setup.layout import Layout, programs_dir, write_file
from hub_ext.errors import SettingsError
from hub_ext.model.interfaces import JUPYTER
from hub_ext.settings import GIB, MIB, Settings, address_and_port, check_origins

NAME = "The front"
_READY_SECONDS = 10
_CHECK_SECONDS = 20
_LOG_MAX_BYTES = 50 * MIB
_LOGS_KEPT = 4  # beside the one that is written
_MOST_WORKERS = 4
_MOST_OPEN_FILES = 32768
# More servers than one machine has; nginx goes through their names for each request, in 3 us.
_MOST_CONTAINERS = 1022
# Of all bodies together that Hub and console have not been given yet. Strangers may send them, and hold them
# back for as long as they like: on the state's disk they would leave no room for the record.
_BODIES_MAX_BYTES = 512 * MIB
# Memory of one process of nginx. Strangers may begin requests and hold them: what they hold must not be what
# the host's servers need. 8192 requests in hand are 1.6 GB.
_LEAST_MEMORY_BYTES = 1 * GIB
_MEMORY_SHARE = 4  # of all processes together: this part of the host's memory

# What nginx sees, in its own namespace.
_SEEN = Path("/run")
# Arguments: the folders that it sees as gate, programs, conf, logs and scratch, an empty folder, the options
# of a file system for bodies, a command.
# No mount table is kept (-n). The host's unmounts reach the namespace, and nothing of it reaches the host.
_ENTER = """\
set -eu
root=$6
bodies=$7
mount -n -t tmpfs -o mode=755,size=1m,nosuid,nodev front "$root"
for name in gate programs conf logs scratch; do
    mkdir "$root/$name"
    mount -n --bind "$1" "$root/$name"
    shift
done
shift 2
mount -n -t tmpfs -o "$bodies" bodies "$root/scratch/body"
mount -n -o remount,ro "$root"
cd /
mount -n --move "$root" /run
exec "$@"
"""


class Front:
    """nginx of one instance. `start` may be called again after it has ended; `child` is what it started."""

    def __init__(self, settings: Settings, layout: Layout) -> None:
        self._settings = settings
        self._layout = layout
        self._certificate = FrontCertificate(settings, self._folder("conf"))
        self.child: Child | None = None

    def start(self) -> Child:
        """Returns once it listens. Raises ChildFailed, and SettingsError for an unusable setting."""
        if self.child is not None:
            self.child.stop(0)
        values = front_settings(self._settings)
        self._prepare(values)
        self._check(values)
        pid_file = self._folder("scratch") / "nginx.pid"
        pid_file.unlink(missing_ok=True)
        child = start(NAME, self._words(values), self._log, environment=self._environment())
        try:
            # It writes its number once it has its port.
            child.wait_ready(lambda: pid_file.exists() and bool(pid_file.read_text().strip()), _READY_SECONDS)
        except BaseException:
            child.stop()
            raise
        self.child = child
        return child

    def stop(self) -> None:
        """End it. The run folder goes with it, unless somebody else has a socket there."""
        if self.child is not None:
            self.child.stop()
        with contextlib.suppress(OSError):
            self._settings.run_dir.rmdir()

    def rotate(self) -> bool:
        """Begin a new access log where the present one has grown; whether it had.

        One that somebody took away is begun anew too. Where that fails, the next call tries it again. Cheap
        enough to be called twice a second.
        """
        log = self._access_log
        if self.child is None or not self.child.running:
            return False
        try:
            if log.exists():
                if log.stat().st_size <= _LOG_MAX_BYTES:
                    return False
                log.replace(first_place(log, _LOGS_KEPT))
            self._make_access_log()
        except OSError:
            return False
        self._signal_master(signal.SIGUSR1)
        return True

    def renew(self) -> bool:
        """Show another certificate that the operator's files hold by now; whether there was one.

        Open connections live on, WebSockets too, in workers that end with the last of them. Cheap enough to
        be called twice a second. Raises SettingsError where the new one is of no use; the former one stays.
        """
        if self.child is None or not self.child.running or not self._certificate.renew():
            return False
        self._signal_master(signal.SIGHUP)
        return True

    def _signal_master(self, number: signal.Signals) -> None:
        """Send it to nginx's master, the one child of `unshare`; nothing where it has just ended."""
        assert self.child is not None
        pid = self.child.process.pid
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for master in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                os.kill(int(master), number)

    @property
    def _log(self) -> Path:
        return self._layout.logs / "front.log"

    @property
    def _access_log(self) -> Path:
        return self._layout.logs / "front" / "access.log"

    def _folder(self, name: str) -> Path:
        return self._layout.front / name

    def _prepare(self, values: FrontSettings) -> None:
        """Folders and files as they must be, from whatever an earlier run left."""
        uid, conf = self._settings.front_uid, self._folder("conf")
        self._layout.front.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._access_log.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.rmtree(self._folder("scratch"), ignore_errors=True)
        for folder in (self._folder("root"), conf, conf / "pages", self._folder("scratch")):
            folder.mkdir(mode=0o755, exist_ok=True)
            folder.chmod(0o755)
        self._access_log.parent.chmod(0o755)
        (self._folder("scratch") / "body").mkdir()
        os.chown(self._folder("scratch"), uid, uid)
        self._folder("scratch").chmod(0o700)
        # Who may enter this folder's parent may hold its locks for ever: nobody but root.
        self._settings.run_dir.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._settings.run_dir.mkdir(mode=0o755, exist_ok=True)
        write_file(conf / "nginx.conf", nginx_conf(values))
        write_file(conf / HEADERS_FILE, headers_js())
        for name, page in page_files(values.public_origin).items():
            write_file(conf / "pages" / name, page)
        self._certificate.copy()
        if not self._access_log.exists():
            self._make_access_log()

    def _make_access_log(self) -> None:
        """nginx writes in this file, and cannot make others beside it."""
        uid = self._settings.front_uid
        handle = os.open(self._access_log, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640)
        try:
            os.fchown(handle, uid, 0)
        finally:
            os.close(handle)

    def _check(self, values: FrontSettings) -> None:
        """Raises ChildFailed with what nginx says against its configuration, which the log keeps too."""
        with self._log.open("ab") as log:
            self._log.chmod(0o600)
            began = log.tell()
            checked = subprocess.run(
                [*self._words(values), "-t", "-q"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                timeout=_CHECK_SECONDS,
            )
        if checked.returncode != 0:
            said = self._log.read_bytes()[began:].decode("utf-8", "replace").strip()
            raise ChildFailed(f"nginx cannot be started:\n{said}", advice=f"The whole log is {self._log}.")

    def _words(self, values: FrontSettings) -> list[str]:
        """Words that run nginx: namespaces, user, then the signal of our end, which a new user clears.

        `unshare` waits for nginx outside of its process namespace. It ends with us, and nginx with it.
        """
        uid, capability = str(self._settings.front_uid), "-all"
        if values.port < 1024:
            capability = "-all,+net_bind_service"
        return [
            # TERM would not do: unshare blocks it while it waits.
            *("setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child=KILL"),
            *("--mount", "--propagation", "slave", "sh", "-c", _ENTER, "sh"),
            str(self._settings.gate_socket.parent),
            str(programs_dir().resolve()),
            str(self._folder("conf")),
            str(self._access_log.parent),
            str(self._folder("scratch")),
            str(self._folder("root")),
            f"mode=700,uid={uid},gid={uid},size={_BODIES_MAX_BYTES},nosuid,nodev,noexec",
            *("prlimit", f"--data={_memory_bytes(values.workers)}"),
            *("setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "--no-new-privs"),
            *("--bounding-set", capability, "--inh-caps", capability, "--ambient-caps", capability),
            *("setpriv", "--pdeathsig", "KILL", str(_SEEN / "programs/usr/sbin/nginx")),
            *("-p", str(_SEEN / "conf"), "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"),
        ]

    def _environment(self) -> dict[str, str]:
        libraries = (programs_dir() / "usr/lib").glob("*/libbrotlienc.so.1")
        folder = next((library.parent.name for library in libraries), None)
        if folder is None or not (programs_dir() / "usr/sbin/nginx").exists():
            raise ChildFailed("There is no nginx.", advice="Run `make run`, which unpacks it.")
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LD_LIBRARY_PATH": str(_SEEN / "programs/usr/lib" / folder),
        }


def _memory_bytes(workers: int) -> int:
    host = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(_LEAST_MEMORY_BYTES, host // _MEMORY_SHARE // workers)


def front_settings(settings: Settings) -> FrontSettings:
    """The values of an instance's nginx.conf.

    Raises SettingsError for a bind_url that names no port, and where check_origins does.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    address, port = address_and_port(settings.bind_url)
    if not address or not port.isascii() or not port.isdigit():
        raise SettingsError(f"c.HubExt.bind_url is {settings.bind_url!r}.", advice="Use http://ADDRESS:PORT.")
    check_origins(settings)
    conf = _SEEN / "conf"
    hosts = islice(subnet(settings).hosts(), 1, _MOST_CONTAINERS)
    return FrontSettings(
        address=address,
        port=int(port),
        hub=f"127.0.0.1:{settings.hub_port}",
        console=f"127.0.0.1:{settings.console_port}",
        gate_socket=_SEEN / "gate" / settings.gate_socket.name,
        folder=conf,
        modules=_SEEN / "programs/usr/lib/nginx/modules",
        scratch=_SEEN / "scratch",
        access_log=_SEEN / "logs/access.log",
        upload_max_bytes=settings.upload_max_bytes,
        workers=min(_MOST_WORKERS, os.cpu_count() or 1),
        open_files=_MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_OPEN_FILES),
        public_origin="" if settings.shares_origin else settings.public_url.rstrip("/"),
        tls=TlsFiles(conf / CERTIFICATE_FILE, conf / KEY_FILE) if settings.ssl_cert else None,
        containers=tuple(f"{host}:{JUPYTER.port}" for host in hosts),
    )
