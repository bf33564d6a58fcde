"""A data set as one block of bytes that opens in milliseconds: what is kept, and shown to strategies in the sandbox.

Head, then for each ticker its times (int64, nanoseconds) and its five columns (float64, one after the other), in the
order of the tickers' names, so that equal data have equal numbers in equal places. A file is mapped into memory:
nothing is parsed and nothing copied. Whoever reads a file that others could write lets its digest be checked.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from abaca_strategies.arrays import nanoseconds
from abaca_strategies.data.dataset import COLUMNS, DataSet
from abaca_strategies.failures import DataError
from abaca_strategies.packed import LENGTH, MAGIC, Header, header_of

_ALIGNED = 8
_PER_BAR = 8 * (1 + len(COLUMNS))
_READABLE = 0o644
"""The sandbox's users read the file in place."""


def pack(data: DataSet) -> bytes:
    """The whole block in memory."""
    return b"".join(_pieces(data))


def write_packed(data: DataSet, path: Path) -> None:
    """Writes a file beside ``path`` and moves it there: a reader finds all of it, or what was there before."""
    number, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with open(number, "wb") as out:
            for piece in _pieces(data):
                out.write(piece)
            out.flush()
            os.fchmod(out.fileno(), _READABLE)
            os.fsync(out.fileno())
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def unpack(
    content: bytes | memoryview | mmap.mmap, *, tickers: Iterable[str] | None = None, name: str | None = None
) -> DataSet:
    """The data set again, as views of the same bytes; of ``tickers`` alone, in that order, where they are given.

    Raises ``DataError`` for what ``pack`` did not write, and for a ticker that is not in it.
    """
    view = memoryview(content)
    header, at = header_of(view)
    name = header.name if name is None else name
    places: dict[str, tuple[int, int]] = {}
    for ticker, rows in header.rows.items():
        places[ticker] = (at, rows)
        at += rows * _PER_BAR
        if rows < 0 or at > len(view):
            raise DataError(f"the packed data set {name!r} is cut off")
    wanted = list(places) if tickers is None else list(dict.fromkeys(tickers))
    if missing := [ticker for ticker in wanted if ticker not in places]:
        raise DataError(f"data set {name!r} has no ticker {missing[0]!r}; it has {', '.join(places)[:200]}")
    bars = {ticker: _frame(view, *places[ticker]) for ticker in wanted}
    return DataSet(name, bars, header.close_only, header.origin, header.info)


def read_packed(
    path: Path, *, tickers: Iterable[str] | None = None, name: str | None = None, digest: str | None = None
) -> DataSet:
    """The data set in a file, mapped into memory. With a ``digest`` all of it is hashed and compared first.

    Raises ``DataError`` for a file that is damaged, cut off or has other content, and for a ticker that it has not.
    """
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # mmap refuses an empty file with a ValueError
        raise DataError(f"the packed data set {name or path.name!r} cannot be read: {error}") from error
    if digest is not None and unpack(content, name=name).digest != digest:
        raise DataError(f"the packed data set {name or path.name!r} is damaged: it does not have the content {digest}")
    return unpack(content, tickers=tickers, name=name)


def packed_header(path: Path) -> Header:
    """What stands at the head of a file. Raises ``DataError``."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            start = len(MAGIC) + LENGTH.size
            length = LENGTH.unpack(content[len(MAGIC) : start])[0] if len(content) >= start else 0
            return header_of(content[: start + length])[0]
    except (OSError, ValueError) as error:
        raise DataError(f"the packed data set {path.name!r} cannot be read: {error}") from error


def _pieces(data: DataSet) -> Iterator[bytes]:
    tickers = sorted(data.bars)
    header = Header(
        name=data.name,
        digest=data.digest,
        close_only=data.close_only,
        origin=data.origin,
        rows={ticker: len(data.bars[ticker]) for ticker in tickers},
        info={ticker: dict(facts) for ticker, facts in data.info.items()},
    )
    head = msgspec.json.encode(header)
    head += b" " * (-(len(MAGIC) + LENGTH.size + len(head)) % _ALIGNED)
    yield MAGIC + LENGTH.pack(len(head)) + head
    for ticker in tickers:
        frame = data.bars[ticker]
        yield nanoseconds(frame.index).astype("<i8").tobytes()
        for column in COLUMNS:
            yield frame[column].to_numpy(dtype="<f8").tobytes()


def _frame(view: memoryview, at: int, rows: int) -> pd.DataFrame:
    times: Any = np.frombuffer(view, "<i8", rows, at)
    values = np.frombuffer(view, "<f8", rows * len(COLUMNS), at + 8 * rows).reshape(len(COLUMNS), rows)
    index = pd.DatetimeIndex(times.view("datetime64[ns]"), name="time", copy=False).tz_localize("UTC")
    return pd.DataFrame(values.T, index=index, columns=list(COLUMNS), copy=False)
