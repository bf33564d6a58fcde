"""Linux's inotify, as far as a folder of small files needs it."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path
from typing import NamedTuple

IN_MODIFY = 0x2
IN_DELETE = 0x200
_IN_Q_OVERFLOW = 0x4000
_EVENT = struct.Struct("iIII")


class Changes(NamedTuple):
    """``names`` were written or deleted; ``lost``: the kernel dropped events."""

    names: set[str]
    lost: bool


class FolderWatch:
    """Raises ``OSError`` where there is no inotify, or where its limits are used up."""

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "inotify_init1"):
            raise OSError("this system has no inotify")
        self.descriptor: int = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        if libc.inotify_add_watch(self.descriptor, os.fsencode(folder), IN_MODIFY | IN_DELETE) < 0:
            number = ctypes.get_errno()
            os.close(self.descriptor)
            raise OSError(number, "inotify_add_watch")

    def read(self) -> Changes:
        """What happened since the last call; nothing when nothing did."""
        names: set[str] = set()
        lost = False
        try:
            data = os.read(self.descriptor, 1 << 16)
        except BlockingIOError:
            return Changes(names, lost)
        at = 0
        while at < len(data):
            _, mask, _, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size
            names.add(os.fsdecode(data[at : at + length].rstrip(b"\0")))
            lost = lost or bool(mask & _IN_Q_OVERFLOW)
            at += length
        return Changes(names, lost)

    def close(self) -> None:
        os.close(self.descriptor)
