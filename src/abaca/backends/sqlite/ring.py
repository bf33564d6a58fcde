"""What one backend object last changed, in a small file that other processes read: topics, the newest in a ring.

One writer, any number of readers, no lock: the header says how many bytes were ever written, and is written after
them. A reader that was overtaken knows it and is told so (``None``), never given half a topic.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path

SIZE = 1 << 17
_HEADER = struct.Struct("<Q")
_UNKNOWN = b"*"
"""Stands for "more than the ring can say"."""


class RingWriter:
    def __init__(self, descriptor: int) -> None:
        self._file = descriptor
        self._end = 0

    def write(self, topics: Iterable[str]) -> None:
        """Raises ``OSError`` (a full disk); readers then find out at their next look."""
        text = "\0".join((*topics, "")).encode()
        if len(text) > SIZE // 4:
            text = _UNKNOWN + b"\0"
        at = self._end % SIZE
        first = text[: SIZE - at]
        os.pwrite(self._file, first, _HEADER.size + at)
        if len(first) < len(text):
            os.pwrite(self._file, text[len(first) :], _HEADER.size)
        self._end += len(text)
        os.pwrite(self._file, _HEADER.pack(self._end), 0)


class RingReader:
    def __init__(self, path: Path, from_start: bool) -> None:
        """Raises ``OSError`` when the file is gone."""
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._seen = 0 if from_start else self._written()

    def read(self) -> list[str] | None:
        """The topics written since the last call, or ``None`` when there were more than can be told."""
        end = self._written()
        new = end - self._seen
        start, self._seen = self._seen % SIZE, end
        if not 0 <= new <= SIZE:
            return None
        text = os.pread(self._file, min(new, SIZE - start), _HEADER.size + start)
        if len(text) < new:
            text += os.pread(self._file, new - len(text), _HEADER.size)
        if self._written() - end + new > SIZE:
            return None
        topics = text.decode(errors="replace").split("\0")[:-1]
        return None if "*" in topics else topics

    def close(self) -> None:
        os.close(self._file)

    def _written(self) -> int:
        header = os.pread(self._file, _HEADER.size, 0)
        return int(_HEADER.unpack(header)[0]) if len(header) == _HEADER.size else 0
