"""CSV, Parquet and JSON lines into data sets, long (a row per ticker and bar) or wide (a column of closes per
ticker)."""

from __future__ import annotations

import importlib
import io
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from abaca_strategies.arrays import SECOND
from abaca_strategies.data.dataset import COLUMNS, DataSet
from abaca_strategies.data.validating import validate
from abaca_strategies.failures import DataError

_TIME = ("timestamp", "time", "datetime", "date")
_TICKER = ("ticker", "symbol")
_ADJUSTED = ("adjusted", "adj_close", "adj close")
ONE = "ASSET"
"""The ticker of a file that names none."""


def read(
    source: Path | bytes,
    name: str,
    *,
    form: str | None = None,
    adjust: bool = True,
    check: bool = True,
    most: int | None = None,
) -> DataSet:
    """The data set in a file, or in bytes with ``form`` one of ``csv``, ``parquet``, ``jsonl``.

    Columns are found by name, case apart: a time (``timestamp``, ``time``, ``datetime`` or ``date``: text, or seconds
    or finer since 1970), ``ticker`` or ``symbol``, prices and ``volume``. Without a ``close`` each further column is
    the closes of one ticker. With ``adjust`` and an ``adjusted`` close, all prices are scaled to it. Raises
    ``DataError`` for what cannot be read, for more than ``most`` rows, and with ``check`` for data that are not sound.
    """
    form = form or (Path(source).suffix.lstrip(".") if isinstance(source, Path) else "csv")
    table = _table(source, form, name, most)
    if most is not None and len(table) > most:
        raise DataError(f"data set {name!r} has {len(table)} rows; at most {most} are taken")
    data = from_table(table, name, adjust=adjust)
    if check:
        validate(data.bars).refuse(name)
    return data


def from_table(table: pd.DataFrame, name: str, *, adjust: bool = True) -> DataSet:
    """A data set from a frame with the columns that ``read`` looks for."""
    known = {str(column).strip().lower(): column for column in table.columns}
    time = next((known[word] for word in _TIME if word in known), None)
    if time is None:
        raise DataError(f"data set {name!r} has no column of times; call it one of {', '.join(_TIME)}")
    table = table.set_axis(_instants(table[time], name), axis=0)
    table.index.name = "time"
    if "close" not in known:
        closes = table.drop(columns=[time])
        return DataSet(name, {str(ticker): _close_only(closes[ticker]) for ticker in closes.columns}, close_only=True)
    table = table.rename(columns={column: word for word, column in known.items()})
    group = next((word for word in _TICKER if word in known), None)
    if adjust and (adjusted := next((word for word in _ADJUSTED if word in known), None)):
        factor = table[adjusted] / table["close"]
        for column in ("open", "high", "low", "close"):
            if column in table.columns:
                table[column] = table[column] * factor
    close_only = not {"open", "high", "low"} <= set(table.columns)
    if close_only:
        table = table.assign(open=table["close"], high=table["close"], low=table["close"])
    if "volume" not in table.columns:
        table = table.assign(volume=0.0)
    parts = {ONE: table} if group is None else {str(key): part for key, part in table.groupby(group, sort=False)}
    return DataSet(name, {ticker: _numbers(part, name) for ticker, part in parts.items()}, close_only=close_only)


def _table(source: Path | bytes, form: str, name: str, most: int | None) -> pd.DataFrame:
    opened = source if isinstance(source, Path) else io.BytesIO(source)
    try:
        if form in ("csv", "gz"):
            return pd.read_csv(opened, compression="gzip" if form == "gz" else None)
        if form in ("jsonl", "ndjson"):
            text = source.read_bytes() if isinstance(source, Path) else source
            return pd.DataFrame(msgspec.json.Decoder(dict[str, Any]).decode_lines(text))
        if form == "parquet":
            return _parquet(opened, name, most)
    except (ValueError, OSError, KeyError, msgspec.MsgspecError) as error:
        raise DataError(f"data set {name!r} cannot be read as {form}: {error}") from error
    raise DataError(f"data set {name!r}: {form!r} is not known; use csv, parquet or jsonl")


def _parquet(opened: Path | io.BytesIO, name: str, most: int | None) -> pd.DataFrame:
    try:
        if most is not None and (rows := _rows_told(opened)) > most:  # few bytes can tell of many rows
            raise DataError(f"data set {name!r} has {rows} rows; at most {most} are taken")
        return pd.read_parquet(opened)
    except DataError:
        raise
    except ImportError as error:
        raise DataError(f"data set {name!r}: reading Parquet needs: pip install 'abaca[strategies]'") from error
    except Exception as error:  # a damaged file makes the reader raise whatever its parser stumbles over
        raise DataError(f"data set {name!r} cannot be read as parquet: {type(error).__name__}: {error}") from error


def _rows_told(opened: Path | io.BytesIO) -> int:
    """How many rows a Parquet file says it has, from its footer."""
    parquet: Any = importlib.import_module("fastparquet")
    rows = int(parquet.ParquetFile(opened if isinstance(opened, io.BytesIO) else str(opened)).count())
    if isinstance(opened, io.BytesIO):
        opened.seek(0)
    return rows


def _instants(column: pd.Series, name: str) -> pd.DatetimeIndex:
    """Times in UTC. Numbers are told apart by their size: seconds, milli-, micro- or nanoseconds since 1970."""
    if pd.api.types.is_numeric_dtype(column):
        largest = float(np.nanmax(np.abs(column.to_numpy(dtype=np.float64)))) if len(column) else 0.0
        per_unit = next((SECOND // 1000**n for n in range(3) if largest < 1e11 * 1000**n), 1)
        return pd.DatetimeIndex((column.to_numpy(dtype=np.float64) * per_unit).astype("datetime64[ns]"), tz="UTC")
    try:
        return pd.DatetimeIndex(pd.to_datetime(column, utc=True)).as_unit("ns")
    except (ValueError, TypeError) as error:
        raise DataError(f"data set {name!r} has a time that cannot be read: {error}") from error


def _numbers(part: pd.DataFrame, name: str) -> pd.DataFrame:
    try:
        return part[list(COLUMNS)].astype(np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"data set {name!r} has a value that is no number: {error}") from error


def _close_only(closes: pd.Series) -> pd.DataFrame:
    """One price in all four columns; rows without one are bars that this ticker does not have."""
    kept = pd.to_numeric(closes, errors="coerce").dropna().astype(np.float64)
    return pd.DataFrame({"open": kept, "high": kept, "low": kept, "close": kept, "volume": 0.0})
