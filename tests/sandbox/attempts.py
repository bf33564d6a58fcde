"""Runs inside the sandbox: tries what must not work, and prints what came of each attempt as JSON."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable

libc = ctypes.CDLL(None, use_errno=True)
RESULTS: dict[str, str] = {}
NUMBERS = {
    "x86_64": {
        "bpf": 321,
        "userfaultfd": 323,
        "keyctl": 250,
        "add_key": 248,
        "perf": 298,
        "vm": 310,
        "module": 175,
        "clone": 56,
    },
    "aarch64": {
        "bpf": 280,
        "userfaultfd": 282,
        "keyctl": 219,
        "add_key": 217,
        "perf": 241,
        "vm": 270,
        "module": 105,
        "clone": 220,
    },
}[platform.machine()]
NUMBERS |= {"io_uring": 425, "clone3": 435}


def attempt(name: str, action: Callable[[], object]) -> None:
    try:
        RESULTS[name] = f"did: {action()}"
    except OSError as error:
        RESULTS[name] = errno.errorcode.get(error.errno or 0, str(error))


def call(name: str, *args: object) -> int:
    result = int(libc.syscall(ctypes.c_long(NUMBERS[name]), *args))
    if result < 0:
        raise OSError(ctypes.get_errno(), "syscall")
    return result


def function(name: str, *args: object) -> int:
    result = int(getattr(libc, name)(*args))
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def connect(family: int, address: object) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        client.connect(address)  # type: ignore[arg-type]


def read(path: str) -> str:
    with open(path, "rb") as file:
        return file.read(4000).decode(errors="replace")


def write(path: str) -> None:
    with open(path, "w") as file:
        file.write("x")


def nested_namespaces() -> int:
    return function("unshare", 0x10000000)


def cloned_namespace() -> int:
    child = call("clone", ctypes.c_ulong(0x10000000 | signal.SIGCHLD), None, None, None, None)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def enter_a_namespace() -> int:
    fd = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        return function("setns", fd, 0)
    finally:
        os.close(fd)


def push_a_key_into_the_terminal() -> None:
    import fcntl
    import termios

    for fd in (0, 1, 2):
        fcntl.ioctl(fd, termios.TIOCSTI, b"x")


def trace_the_init() -> int:
    return function("ptrace", 16, 1, None, None)


def higher_priority() -> None:
    os.setpriority(os.PRIO_PROCESS, 0, -5)


def real_time() -> None:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))


def raise_a_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard * 2, hard * 2))
    except ValueError:
        raise OSError(errno.EPERM, "above the hard limit") from None


def set_the_clock() -> int:
    import time

    time.clock_settime(time.CLOCK_REALTIME, 0)
    return 0


def open_again() -> dict[str, str]:
    """What could be opened anew through /proc/self/fd, in another mode: nothing of others must be there."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the descriptor of the listing itself
    return found


def everything_in(folder: str) -> str:
    return ",".join(sorted(os.listdir(folder)))


def reach_the_network_and_the_kernel(port: int, abstract: str, socket_file: str) -> None:
    attempt("tcp to the machine", lambda: connect(socket.AF_INET, ("127.0.0.1", port)))
    attempt("tcp over ipv6", lambda: connect(socket.AF_INET6, ("::1", port)))
    attempt("abstract unix socket", lambda: connect(socket.AF_UNIX, "\0" + abstract))
    attempt("unix socket by path", lambda: connect(socket.AF_UNIX, socket_file))
    attempt("own unix socket pair", lambda: len(socket.socketpair()))
    attempt("vsock", lambda: socket.socket(40, socket.SOCK_STREAM))
    attempt("netlink", lambda: socket.socket(16, socket.SOCK_RAW))
    attempt("packet socket", lambda: socket.socket(17, socket.SOCK_RAW))
    attempt("io_uring", lambda: call("io_uring", 8, ctypes.create_string_buffer(256)))
    attempt("bpf", lambda: call("bpf", 0, None, 0))
    attempt("userfaultfd", lambda: call("userfaultfd", 0))
    attempt("keyctl", lambda: call("keyctl", 0, -3, 0))
    attempt("add_key", lambda: call("add_key", b"user", b"k", b"v", 1, -3))
    attempt("perf_event_open", lambda: call("perf", ctypes.create_string_buffer(128), 0, -1, -1, 0))
    attempt("memfd_create", lambda: os.memfd_create("hidden"))
    attempt("system v memory", lambda: function("shmget", 0, 1 << 20, 0o1600))
    attempt("personality", lambda: function("personality", 0x0040000))


def undo_the_isolation() -> None:
    attempt("a new user namespace", nested_namespaces)
    attempt("a new user namespace by clone", cloned_namespace)
    attempt("clone3", lambda: call("clone3", ctypes.create_string_buffer(88), 88))
    attempt("setns", enter_a_namespace)
    attempt("mount", lambda: function("mount", b"none", b"/tmp", b"tmpfs", 0, None))
    attempt("remount /usr writable", lambda: function("mount", b"none", b"/usr", None, 0x1020, None))
    attempt("chroot", lambda: os.chroot("/tmp"))
    attempt("device node", lambda: os.mknod("/tmp/sda", 0o600 | 0x6000, os.makedev(8, 0)))
    attempt("write to /usr", lambda: write("/usr/x"))
    attempt("write to /", lambda: write("/x"))
    attempt("write to /etc", lambda: write("/etc/x"))
    attempt("write to /etc/passwd", lambda: write("/etc/passwd"))
    attempt("write to /dev", lambda: write("/dev/x"))
    attempt("write to /proc/sys", lambda: write("/proc/sys/kernel/hostname"))
    attempt("write to core_pattern", lambda: write("/proc/sys/kernel/core_pattern"))
    attempt("sysrq", lambda: write("/proc/sysrq-trigger"))
    attempt("shadow", lambda: read("/etc/shadow"))
    attempt("root's home", lambda: everything_in("/root"))
    attempt("other people's homes", lambda: everything_in("/home"))
    attempt("root of init", lambda: everything_in("/proc/1/root/root"))
    attempt("environment of init", lambda: repr(read("/proc/1/environ")))
    attempt("kernel messages", lambda: read("/dev/kmsg"))
    attempt("kernel memory", lambda: read("/proc/kcore"))
    attempt("a terminal", lambda: os.open("/dev/tty", os.O_RDWR))
    attempt("a new terminal", lambda: os.open("/dev/ptmx", os.O_RDWR))
    attempt("a key into the terminal", push_a_key_into_the_terminal)
    attempt("ptrace", trace_the_init)
    attempt("read the memory of init", lambda: call("vm", 1, None, 0, None, 0, 0))
    attempt("higher priority", higher_priority)
    attempt("real time", real_time)
    attempt("raise a limit", raise_a_limit)
    attempt("set the clock", set_the_clock)
    attempt("become root", lambda: os.setuid(0))
    attempt("host name", lambda: socket.sethostname("x"))
    attempt("reboot", lambda: function("reboot", 0))
    attempt("a module", lambda: call("module", None, 0, b""))


def look_around() -> dict[str, object]:
    return {
        "passwd": read("/etc/passwd"),
        "environment": dict(os.environ),
        "descriptors": open_again(),
        "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
        "folders": sorted(os.listdir("/")),
        "dev": sorted(os.listdir("/dev")),
        "interfaces": [name for _, name in socket.if_nameindex()] if RESULTS["netlink"].startswith("did") else [],
        "ids": [os.getuid(), os.getgid(), os.getgroups()],
        "capabilities": [line.split()[1] for line in read("/proc/self/status").splitlines() if line.startswith("Cap")],
        "session": os.getsid(0),
        "hostname": socket.gethostname(),
        "pointer": struct.calcsize("P"),
    }


if __name__ == "__main__":
    reach_the_network_and_the_kernel(int(sys.argv[1]), sys.argv[2], sys.argv[3])
    undo_the_isolation()
    json.dump({"results": RESULTS, "seen": look_around()}, sys.stdout)
