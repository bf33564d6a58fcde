"""What stands at the head of a packed data set. Light: it is read where neither numpy nor pandas is loaded."""

from __future__ import annotations

import struct
from pathlib import Path

import msgspec

from abaca_strategies.failures import DataError

MAGIC = b"ABACABARS 1\n"
LENGTH = struct.Struct("<I")
_MOST = 64 << 20


class Header(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    digest: str
    """The content hash: ``sha256:`` and 64 digits."""
    close_only: bool = False
    origin: str = ""
    rows: dict[str, int] = {}
    """Bars by ticker, in the order of the tickers."""
    info: dict[str, dict[str, object]] = {}
    """Facts by ticker, as in ``DataSet.info``."""


class Packed(msgspec.Struct, frozen=True):
    """A packed data set, as a file or as bytes. ``digest`` is what the caller knows it by, and what results carry."""

    digest: str
    content: bytes | Path

    def bytes(self) -> bytes:
        return self.content.read_bytes() if isinstance(self.content, Path) else self.content

    @property
    def size(self) -> int:
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)


def header_of(content: bytes | memoryview) -> tuple[Header, int]:
    """The head, and where the numbers begin. Raises ``DataError`` for what is no packed data set."""
    start = len(MAGIC) + LENGTH.size
    if bytes(content[: len(MAGIC)]) != MAGIC or len(content) < start:
        raise DataError("this is no packed data set")
    (length,) = LENGTH.unpack(content[len(MAGIC) : start])
    if length > _MOST:
        raise DataError("the head of a packed data set is too long")
    try:
        return msgspec.json.decode(content[start : start + length], type=Header), start + length
    except msgspec.DecodeError as error:
        raise DataError(f"the head of a packed data set cannot be read: {error}") from error
