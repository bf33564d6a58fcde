"""Whatever code answers, as what JSON has: numbers of numpy, tables of pandas, times."""

from __future__ import annotations

import base64
import datetime
import decimal
import math
from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np
import pandas as pd

from abaca_strategies.running.work import MAX_RESULT_ROWS

MAX_DEPTH = 24
MAX_ITEMS = 1_000_000
"""Values in one answer."""
MAX_TEXT = 1_000_000
LARGEST = 1 << 63


class TooMuch(Exception):
    """There is more than an answer may hold."""


class Plain:
    """Counts what it has converted, so that one answer cannot grow without end."""

    def __init__(self, most: int = MAX_ITEMS) -> None:
        self._left = most

    def __call__(self, value: Any, depth: int = 0) -> Any:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            raise TooMuch("the answer has too many values, or is nested too deeply")
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str | int | float | np.generic | decimal.Decimal):
            return scalar(value)
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, pd.DataFrame):
            return self._table(value, depth)
        if isinstance(value, pd.Series):
            return self._series(value, depth)
        if isinstance(value, pd.Index | np.ndarray):
            return [self(one, depth + 1) for one in value.tolist()]
        if isinstance(value, list | tuple | Set) or (isinstance(value, Iterable) and hasattr(value, "__len__")):
            if isinstance(value, bytes | bytearray):
                return base64.b64encode(value).decode()
            return [self(one, depth + 1) for one in value]
        return moment(value)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        if set(value) >= {"dtype", "bdata"} and isinstance(value["bdata"], str):
            return self(_of_plotly(value), depth)  # type: ignore[no-any-return]
        return {text(key): self(one, depth + 1) for key, one in value.items()}

    def _table(self, table: pd.DataFrame, depth: int) -> list[dict[str, Any]]:
        if not isinstance(table.index, pd.RangeIndex):
            table = table.reset_index()
        rows = table.head(MAX_RESULT_ROWS).to_dict("records")
        return [{text(key): self(one, depth + 2) for key, one in row.items()} for row in rows]

    def _series(self, series: pd.Series[Any], depth: int) -> Any:
        if isinstance(series.index, pd.RangeIndex):
            return [self(one, depth + 1) for one in series.head(MAX_RESULT_ROWS).tolist()]
        return {text(key): self(one, depth + 1) for key, one in series.head(MAX_RESULT_ROWS).items()}


def scalar(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, decimal.Decimal):
        value = float(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if -LARGEST <= value < LARGEST else text(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        return text(value)
    return moment(value)


def moment(value: Any) -> Any:
    if value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return text(value)


def text(value: object) -> str:
    """A text that can be encoded: lone surrogates become question marks."""
    try:
        words = str(value)
    except Exception as error:
        words = f"<{type(value).__name__}: {type(error).__name__}>"
    return words[:MAX_TEXT].encode("utf-8", "replace").decode()


def _of_plotly(packed: Mapping[str, Any]) -> Any:
    """An array as plotly packs it."""
    values = np.frombuffer(base64.b64decode(packed["bdata"]), np.dtype(str(packed["dtype"])))
    if shape := packed.get("shape"):
        sizes = [int(one) for one in (shape.split(",") if isinstance(shape, str) else shape)]
        values = values.reshape(sizes)
    return values
