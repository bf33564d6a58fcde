"""Whether a folder is on a filesystem that other machines can write to, where SQLite's shared memory does not work."""

from __future__ import annotations

import os
from pathlib import Path

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gfs2", "ocfs2", "glusterfs", "sshfs"}
)
IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_MOUNTS = Path("/proc/self/mountinfo")


def network_filesystem(folder: Path) -> str | None:
    """The kind of the network filesystem that holds ``folder``; ``None`` for a local one, or where nobody can tell."""
    kind = filesystem(folder)
    return kind if kind is not None and kind.removeprefix("fuse.") in NETWORK else None


def filesystem_weaknesses(folder: Path) -> tuple[str, ...]:
    """What the filesystem takes from the guarantees, in lines for people."""
    kind = filesystem(folder)
    if kind is None:
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


def kind_of_device(mounts: str, device: int) -> str | None:
    """The filesystem type that Linux's mountinfo text gives for a device number."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) > 2 and fields[2] == wanted and after:
            return after.split()[0]
    return None
