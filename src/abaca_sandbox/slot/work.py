"""The work folder of one run: a file system in memory, limited in bytes and names, that is gone after the run."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping, Sequence

from abaca_sandbox.slot import kernel

FOLDERS = ("work", "tmp", "shm")
OWN_INODES = len(FOLDERS) + 1
NOT_REGULAR = {errno.ELOOP, errno.EXDEV, errno.ENOTDIR, errno.ENXIO, errno.EISDIR}


class NoRoom(Exception):
    """The given files need more than the limits of the work folder allow."""


class Work:
    """`/work`, `/tmp` and `/dev/shm` of one run.

    Files go in before the program starts, when nobody but this process can reach the folder, and come out after every
    process of the program is dead. The one that reads is the slot's unprivileged user.
    """

    def __init__(self, place: str, size: int, inodes: int) -> None:
        self.place = place
        options = f"size={size},nr_inodes={inodes + OWN_INODES},mode=0755"
        kernel.mount("tmpfs", place, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
        for name in FOLDERS:
            os.mkdir(f"{place}/{name}")
        for name in FOLDERS[1:]:
            os.chmod(f"{place}/{name}", 0o1777)
        self._folder = os.open(f"{place}/work", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def fill(self, files: Mapping[str, bytes]) -> None:
        """Write what the program starts with. Raises `NoRoom`."""
        try:
            for name, content in files.items():
                path = f"{self.place}/work/{name}"
                if "/" in name:
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o755)
                try:
                    write_all(handle, content)
                finally:
                    os.close(handle)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise NoRoom("the given files do not fit into the work folder") from None
            raise

    def used(self) -> tuple[int, int, bool]:
        """Bytes and names in use, and whether either is used up."""
        seen = os.statvfs(self.place)
        full = seen.f_bfree == 0 or seen.f_ffree == 0
        return (seen.f_blocks - seen.f_bfree) * seen.f_frsize, seen.f_files - seen.f_ffree - OWN_INODES, full

    def collect(self, names: Sequence[str], room: int) -> tuple[dict[str, bytes], dict[str, str]]:
        """The wanted files that are there, and why the others are not given."""
        found: dict[str, bytes] = {}
        refused: dict[str, str] = {}
        for name in names:
            try:
                handle = kernel.open_beneath(self._folder, name)
            except OSError as error:
                refused[name] = "not a regular file" if error.errno in NOT_REGULAR else "absent"
                continue
            try:
                seen = os.fstat(handle)
                if not stat.S_ISREG(seen.st_mode):
                    refused[name] = "not a regular file"
                elif seen.st_size > room:
                    refused[name] = "too large"
                else:
                    found[name] = read_all(handle, seen.st_size)
                    room -= len(found[name])
            finally:
                os.close(handle)
        return found, refused

    def clear(self) -> None:
        os.close(self._folder)
        kernel.unmount(self.place)


def write_all(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]


def read_all(handle: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.read(handle, min(size, 1 << 20))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
