"""Builds the root file system of a script in its own mount namespace, and goes there."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from abaca_sandbox.slot import kernel
from abaca_sandbox.slot.command import USR_NAMES
from abaca_sandbox.slot.furnishing import GUARDED, Own

READ_ONLY = kernel.MOUNT_ATTR_RDONLY | kernel.MOUNT_ATTR_NOSUID | kernel.MOUNT_ATTR_NODEV
BIND = kernel.MS_BIND | kernel.MS_REC


def build_root(own: Own, shown: Sequence[Sequence[str]]) -> None:
    """`/usr` and what is shown, read-only; the slot's `/etc` and `/dev`; a `/proc` of this namespace; the work folders.

    Returns in the new root; the old one is gone.
    """
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    root = own.root
    kernel.mount("tmpfs", root, "tmpfs", GUARDED, "size=64k,nr_inodes=256,mode=0755")
    os.umask(0o022)
    bind("/usr", f"{root}/usr")
    for name in USR_NAMES:
        show_system_folder(f"/{name}", f"{root}/{name}")
    bind(own.etc, f"{root}/etc")
    bind(own.dev, f"{root}/dev", writable=True)  # it is read-only itself; its devices must stay devices
    for source, target in ((f"{own.run}/work", "work"), (f"{own.run}/tmp", "tmp"), (f"{own.run}/shm", "dev/shm")):
        bind(source, f"{root}/{target}", writable=True)
    for host, inside in shown:
        bind(host, f"{root}{inside}")
    os.makedirs(f"{root}/proc", exist_ok=True)
    kernel.mount("proc", f"{root}/proc", "proc", GUARDED | kernel.MS_NOEXEC)
    kernel.change_root(root)
    kernel.mount("none", "/", None, kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | GUARDED)
    socket.sethostname("sandbox")


def show_system_folder(source: str, target: str) -> None:
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
    elif os.path.isdir(source):
        bind(source, target)


def bind(source: str, target: str, writable: bool = False) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
    kernel.mount(source, target, None, BIND)
    if not writable:
        kernel.set_mount_flags(target, READ_ONLY)
