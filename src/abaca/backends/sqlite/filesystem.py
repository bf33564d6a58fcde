"""Whether a folder is on a filesystem that other machines can write to, where SQLite's shared memory does not work."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gfs2", "ocfs2", "glusterfs", "sshfs"}
)
IN_MEMORY = frozenset({"tmpfs", "ramfs"})
NETWORK_NUMBERS = {
    0x6969: "nfs",
    0xFF534D42: "cifs",
    0xFE534D42: "smb3",
    0x517B: "smbfs",
    0x01021997: "9p",
    0x5346414F: "afs",
    0x6B414653: "afs",
    0x00C36400: "ceph",
    0x0BD00BD0: "lustre",
    0x01161970: "gfs2",
    0x7461636F: "ocfs2",
}
"""The ``f_type`` of statfs(2) for those that have one of their own; what FUSE serves is told by its mount alone."""
_MOUNTS = Path("/proc/self/mountinfo")
_STATFS_BYTES = 256


def network_filesystem(folder: Path) -> str | None:
    """The kind of the network filesystem that holds ``folder``; ``None`` for a local one, or where nobody can tell."""
    if (kind := NETWORK_NUMBERS.get(filesystem_number(folder))) is not None:
        return kind
    kind = filesystem(folder)
    return kind if kind is not None and kind.removeprefix("fuse.") in NETWORK else None


def filesystem_weaknesses(folder: Path) -> tuple[str, ...]:
    """What the filesystem takes from the guarantees, in lines for people."""
    kind = filesystem(folder)
    if kind is None and filesystem_number(folder) == 0:
        return (
            "the filesystem's kind cannot be told here: G1 to G4 hold on a local one only; "
            "keep the file off network filesystems",
        )
    if kind in IN_MEMORY:
        return (
            f"the file is on {kind}, in memory: weakens G1 and G2, all jobs go with the machine's next restart; "
            "move it to a disk",
        )
    return ()


def filesystem(folder: Path) -> str | None:
    """The kind of the filesystem that holds ``folder``; ``None`` where nobody can tell."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return kind_of_device(mounts, os.stat(folder).st_dev)


def filesystem_number(folder: Path) -> int:
    """What Linux's statfs calls the type of a filesystem; 0 on other systems."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.uname().sysname != "Linux" or not hasattr(libc, "statfs"):
        return 0
    answer = (ctypes.c_long * (_STATFS_BYTES // ctypes.sizeof(ctypes.c_long)))()
    if libc.statfs(os.fsencode(folder), answer) != 0:
        return 0
    return int(answer[0]) & 0xFFFFFFFF


def kind_of_device(mounts: str, device: int) -> str | None:
    """The filesystem type that Linux's mountinfo text gives for a device number."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) > 2 and fields[2] == wanted and after:
            return after.split()[0]
    return None
