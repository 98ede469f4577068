"""What an attacker would try, run inside a container: `python -c THIS '{"key": ["probe", argument, …]}'`.

Prints one JSON object: for each key what the probe returned, or the name of the error that stopped it.
Standard library only; it never runs on the host.
"""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

LIBC = ctypes.CDLL(None, use_errno=True)
DONE = "done"
HERE = -100  # AT_FDCWD


def checked(result):
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result


def syscall(number, *arguments):
    return checked(LIBC.syscall(ctypes.c_long(number), *arguments))


# Ways of writing to data. Each gets a file of its own name, owned by the uid that runs this.
WRITES = {
    "open_write": lambda path: os.open(path, os.O_WRONLY),
    "open_both": lambda path: os.open(path, os.O_RDWR),
    "append": lambda path: os.write(os.open(path, os.O_WRONLY | os.O_APPEND), b"x"),
    "open_truncate": lambda path: os.open(path, os.O_WRONLY | os.O_TRUNC),
    "create": lambda path: os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_EXCL),
    "tmpfile": lambda path: os.open(os.path.dirname(path), os.O_TMPFILE | os.O_RDWR, 0o600),
    "truncate": lambda path: os.truncate(path, 0),
    "chmod": lambda path: os.chmod(path, 0o644),
    "fchmod": lambda path: os.fchmod(os.open(path, os.O_RDONLY), 0o644),
    "chown": lambda path: os.chown(path, os.getuid(), os.getgid()),
    "fchown": lambda path: os.fchown(os.open(path, os.O_RDONLY), os.getuid(), os.getgid()),
    "lchown": lambda path: os.lchown(path, os.getuid(), os.getgid()),
    "utime": lambda path: os.utime(path, (1, 1)),
    "futime": lambda path: os.utime(os.open(path, os.O_RDONLY), (1, 1)),
    "setxattr": lambda path: os.setxattr(path, "user.hub", b"x"),
    "fsetxattr": lambda path: os.setxattr(os.open(path, os.O_RDONLY), "user.hub", b"x"),
    "link": lambda path: os.link(path, path + ".link"),
    "symlink": lambda path: os.symlink("/etc/passwd", path + ".symlink"),
    "rename": lambda path: os.rename(path, path + ".renamed"),
    "exchange": lambda path: checked(
        LIBC.renameat2(HERE, path.encode(), HERE, (path + ".other").encode(), 2)
    ),
    "unlink": lambda path: os.unlink(path),
    "mkdir": lambda path: os.mkdir(path + ".folder"),
    "rmdir": lambda path: os.rmdir(path + ".empty"),
    "mkfifo": lambda path: os.mkfifo(path + ".fifo"),
    "bind_socket": lambda path: socket.socket(socket.AF_UNIX).bind(path + ".socket"),
    "map_shared": lambda path: mmap.mmap(os.open(path, os.O_RDWR), 10).write(b"x"),
    "reopen": lambda path: os.open(f"/proc/self/fd/{os.open(path, os.O_RDONLY)}", os.O_RDWR),
    "through_init": lambda path: os.open(f"/proc/1/root{path}", os.O_RDWR),
    "through_root": lambda path: os.open(f"/proc/self/root{path}", os.O_RDWR),
    # FS_IOC_SETFLAGS, "no dump"
    "set_flags": lambda path: fcntl.ioctl(os.open(path, os.O_RDONLY), 0x40086602, struct.pack("l", 0x40)),
}


class Probes:
    """One method a probe. `done` means that it worked."""

    def write(self, root, way):
        WRITES[way](f"{root}/{way}")
        return DONE

    def read(self, path):
        with open(path, "rb") as file:
            return len(file.read())

    def appears(self, path, seconds):
        """Whether a path comes to be while we wait: a mount made on the host after the start."""
        print("waiting", flush=True)
        end = time.monotonic() + seconds
        while time.monotonic() < end and not os.path.exists(path):
            time.sleep(0.05)
        return os.path.exists(path)

    # --- the file system ---

    def create(self, path):
        with open(path, "w"):
            return DONE

    def fill(self, path, size):
        with open(path, "wb") as file:
            for _ in range(size // 2**20):
                file.write(b"x" * 2**20)
                file.flush()
        os.unlink(path)
        return DONE

    def mounts(self):
        with open("/proc/self/mountinfo") as file:
            return {line.split()[4]: line.split()[5] for line in file}

    def devices(self):
        return sorted(os.listdir("/dev"))

    def environment(self, name):
        return os.environ.get(name)

    def read_device(self, path):
        with open(path, "rb") as device:
            return DONE if device.read(1) == b"\0" else "something else"

    # --- privileges ---

    def status(self):
        with open("/proc/self/status") as file:
            return {line.split(":")[0]: line.split(":")[1].strip() for line in file}

    def identity(self):
        return [os.getresuid(), os.getresgid(), sorted(os.getgroups())]

    def namespaces(self):
        return {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in ("ipc", "uts", "cgroup", "net", "pid")}

    def first_process(self):
        with open("/proc/1/comm") as file:
            return file.read().strip()

    def limits(self):
        return {"core": resource.getrlimit(resource.RLIMIT_CORE)[1],
                "nofile": resource.getrlimit(resource.RLIMIT_NOFILE)[1]}  # fmt: skip

    def setuid_helper(self, path):
        return subprocess.run([path, "-u"], capture_output=True, text=True).stdout.strip()

    def call(self, way):
        getattr(self, f"call_{way}")()
        return DONE

    def call_mount(self):
        os.makedirs("/tmp/m", exist_ok=True)
        checked(LIBC.mount(b"none", b"/tmp/m", b"tmpfs", 0, None))

    def call_bind_mount(self):
        os.makedirs("/tmp/b", exist_ok=True)
        checked(LIBC.mount(b"/data", b"/tmp/b", None, 4096, None))

    def call_remount(self):
        checked(LIBC.mount(None, b"/data/mri", None, 32 | 4096, None))

    def call_mount_setattr(self):
        attributes = struct.pack("QQQQ", 0, 1, 0, 0)  # clear MOUNT_ATTR_RDONLY
        syscall(442, HERE, b"/data/mri", 0x8000, attributes, len(attributes))

    def call_open_tree(self):
        syscall(428, HERE, b"/data", 1)  # OPEN_TREE_CLONE

    def call_fsopen(self):
        syscall(430, b"tmpfs", 0)

    def call_umount(self):
        checked(LIBC.umount2(b"/data/mri", 2))

    def call_chroot(self):
        os.chroot("/")

    def call_unshare_user(self):
        self._in_child(lambda: checked(LIBC.unshare(0x10000000)))

    def call_unshare_mounts(self):
        self._in_child(lambda: checked(LIBC.unshare(0x00020000)))

    def call_unshare_network(self):
        self._in_child(lambda: checked(LIBC.unshare(0x40000000)))

    def call_raw_socket(self):
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)

    def call_packet_socket(self):
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW)

    def call_keyctl(self):
        syscall(250, 0, -3, 1)  # KEYCTL_GET_KEYRING_ID, the session's

    def call_bpf(self):
        attributes = struct.pack("IIII", 2, 4, 4, 1) + bytes(64)  # an array of one
        syscall(321, 0, attributes, len(attributes))

    def call_perf_event_open(self):
        attributes = struct.pack("IIQ", 1, 112, 0) + bytes(96)  # the processor's clock
        syscall(298, attributes, 0, -1, -1, 0)

    def call_userfaultfd(self):
        syscall(323, 0)

    def call_mknod(self):
        os.mknod("/tmp/null", 0o20600, os.makedev(1, 3))

    def call_set_hostname(self):
        socket.sethostname("elsewhere")

    def call_setgroups(self):
        self._in_child(lambda: os.setgroups([0]))

    def call_setuid(self):
        self._in_child(lambda: os.setuid(0))

    def call_setuid_bit_of_another(self):
        os.chown("/tmp", 0, 0)

    def call_renice(self):
        self._in_child(lambda: os.setpriority(os.PRIO_PROCESS, 0, -5))

    def _in_child(self, work):
        """Runs it where it changes nothing for the next probe."""
        child = os.fork()
        if child == 0:
            try:
                work()
                os._exit(0)
            except OSError as error:
                os._exit(error.errno)
        _, ended = os.waitpid(child, 0)
        if code := os.waitstatus_to_exitcode(ended):
            raise OSError(code, "")

    # --- exhausting ---

    def forks(self, most):
        children = []
        try:
            while len(children) < most:
                if (child := os.fork()) == 0:
                    signal.pause()
                children.append(child)
        except BlockingIOError:
            pass  # EAGAIN: the limit
        finally:
            for child in children:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
        return len(children)

    def allocate(self, size):
        return len(bytearray(b"x") * size)

    def flood(self, size):
        for _ in range(size // 2**10):
            print("x" * 1023)
        sys.stdout.flush()
        return DONE

    # --- the network ---

    def tcp(self, host, port, seconds=1.5):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as client:
            client.settimeout(seconds)
            client.connect(self._at(host, port))
        return DONE

    def talk(self, host, port, seconds):
        """Goes on talking over one connection, and tells what comes back."""
        with socket.create_connection((host, port)) as client:
            client.settimeout(0.5)
            end, heard = time.monotonic() + seconds, 0
            while time.monotonic() < end:
                with suppress(TimeoutError):
                    client.send(b"hub-ext")
                    heard += bool(client.recv(99))
                    print("heard", heard, flush=True)
                time.sleep(0.2)
        return heard

    def udp(self, host, port, seconds=1.5):
        """Done when it is echoed."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(seconds)
            client.connect((host, port))
            client.send(b"hub-ext")
            return DONE if client.recv(99) else "nothing"

    def shout(self, host, port, text):
        """Broadcasts or multicasts; who hears it says so himself."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")  # no route is needed
            client.sendto(text.encode(), (host, port))
        return DONE

    def ping(self, host, seconds=1.5):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as client:
            client.settimeout(seconds)
            client.sendto(struct.pack("BBHHH", 8, 0, 0, 0, 1), (host, 0))
            client.recv(99)
        return DONE

    def route(self, host):
        """Whether the kernel knows a way; nothing is sent."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.connect((host, 9))
        return DONE

    def own_address(self):
        return self._own()

    def ipv6_addresses(self):
        with open("/proc/net/if_inet6") as file:
            return [line.split()[0] for line in file if line.split()[-1] != "lo"]

    def resolve(self, name):
        try:
            return socket.getaddrinfo(name, 80)[0][4][0]
        except socket.gaierror as error:
            return f"gaierror {error.errno}"

    def reverse(self, host):
        try:
            return socket.gethostbyaddr(host)[0]
        except socket.herror:
            return ""

    def serve(self, tcp_port, udp_port, seconds):
        """A neighbour: answers, and tells what it heard."""
        listening = socket.create_server(("", tcp_port))
        hearing = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        hearing.bind(("", udp_port))
        group = socket.inet_aton("224.0.0.251") + socket.inet_aton(self._own())
        hearing.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        print("serving", self._own(), flush=True)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for ready in select.select([listening, hearing], [], [], 0.2)[0]:
                if ready is listening:
                    client, who = listening.accept()
                    client.close()
                    print("tcp from", who[0], flush=True)
                else:
                    text, who = hearing.recvfrom(999)
                    print("udp from", who[0], text.decode(), flush=True)
                    hearing.sendto(text, who)

    def _own(self):
        with open("/etc/hosts") as file:
            lines = [line.split() for line in file if not line.startswith("#")]
        return [line[0] for line in lines if line and "." in line[0] and not line[0].startswith("127.")][-1]

    def _at(self, host, port):
        if ":" not in host:
            return host, port
        address, _, device = host.partition("%")
        return address, port, 0, socket.if_nametoindex(device) if device else 0


def outcome(wanted):
    name, *arguments = wanted
    try:
        return getattr(Probes(), name)(*arguments)
    except TimeoutError as error:
        return errno.errorcode.get(error.errno, "timeout")
    except OSError as error:
        return errno.errorcode.get(error.errno, repr(error))


def main():
    wanted = json.loads(sys.argv[1])
    waiting = {key for key, (name, *_) in wanted.items() if name in ("tcp", "udp", "ping")}
    seen = {key: outcome(probe) for key, probe in wanted.items() if key not in waiting}
    with ThreadPoolExecutor(32) as pool:
        seen |= dict(zip(waiting, pool.map(outcome, [wanted[key] for key in waiting]), strict=True))
    print("\n" + json.dumps(seen))


main()
