"""What a slot prepares once, so that bubblewrap has little to mount for each run: `/etc` and `/dev` for programs."""

from __future__ import annotations

import os
from pathlib import Path

from abaca_sandbox.slot import kernel

INSIDE_ID = 1000
PRIVATE_PLACES = ("/root", "/mnt", "/media", "/srv", "/boot")
GUARDED = kernel.MS_NOSUID | kernel.MS_NODEV

MADE_UP = {
    "passwd": f"root:x:0:0:root:/:/sbin/nologin\nsandbox:x:{INSIDE_ID}:{INSIDE_ID}:sandbox:/work:/bin/sh\n",
    "group": f"root:x:0:\nsandbox:x:{INSIDE_ID}:\n",
    "hosts": "127.0.0.1 localhost sandbox\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
# What toolchains of a distribution read of /etc. Nothing here may hold a secret.
OF_THE_MACHINE = (
    *("alternatives", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types"),
    *("ssl/certs", "ssl/openssl.cnf"),
)
PREFIXES = ("java-",)

DEVICES = ("null", "zero", "full", "random", "urandom")
DEV_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}


class Own:
    """A slot's own folder, which no other process sees.

    `etc` and `dev` are for programs, `run` holds each run's files, `root` is where a new root is built.
    """

    def __init__(self, base: str) -> None:
        self.etc = f"{base}/etc"
        self.dev = f"{base}/dev"
        self.run = f"{base}/run"
        self.root = f"{base}/root"


def furnish() -> Own:
    """Mount and write it. Raises OSError where the machine hides parts of /proc."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("proc", "/proc", "proc", GUARDED | kernel.MS_NOEXEC)
    base = next(place for place in PRIVATE_PLACES if os.path.isdir(place))
    kernel.mount("tmpfs", base, "tmpfs", GUARDED, "size=8m,nr_inodes=256,mode=0755")
    own = Own(base)
    for folder in (own.etc, own.dev, own.run, own.root):
        os.mkdir(folder, 0o755)
    fill_etc(own.etc)
    fill_dev(own.dev)
    os.chdir("/")
    return own


def fill_etc(folder: str) -> None:
    names = [*OF_THE_MACHINE, *(name for name in os.listdir("/etc") if name.startswith(PREFIXES))]
    for name in names:
        try:
            show(Path("/etc", name), Path(folder, name))
        except (FileNotFoundError, PermissionError):
            continue  # this machine, or this user, has none
    for name, text in MADE_UP.items():
        Path(folder, name).write_text(text)


def show(source: Path, target: Path) -> None:
    """Small files are copied, which costs nothing later; folders are mounted."""
    target.parent.mkdir(mode=0o755, exist_ok=True)
    if source.is_dir():
        target.mkdir(mode=0o755)
        kernel.mount(str(source), str(target), None, kernel.MS_BIND | kernel.MS_REC)
    else:
        target.write_bytes(source.read_bytes())


def fill_dev(folder: str) -> None:
    """No terminals, so that none can be used up, and nothing that could be written into."""
    kernel.mount("tmpfs", folder, "tmpfs", GUARDED, "size=64k,nr_inodes=32,mode=0755")
    os.mkdir(f"{folder}/shm", 0o755)
    for name in DEVICES:
        Path(folder, name).touch()
        kernel.mount(f"/dev/{name}", f"{folder}/{name}", None, kernel.MS_BIND)
    for name, target in DEV_LINKS.items():
        os.symlink(f"/proc/self/fd{target}", f"{folder}/{name}")
    kernel.mount("none", folder, None, kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | GUARDED)
