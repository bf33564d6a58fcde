"""What is known of tickers beside their bars, such as a sector: read from what people keep it in, and checked."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import isfinite

import msgspec

from abaca_strategies.data import DataSet
from abaca_strategies.errors import Refused

Fact = str | int | float | bool | None
Facts = dict[str, dict[str, Fact]]
_KEYS = ("ticker", "symbol")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?")
"""What stands for a number in a table. Others are text: the zeros of 0042 mean something."""
_decode = msgspec.json.Decoder(Facts).decode


def read_facts(text: str) -> Facts:
    """Facts by ticker, from JSON (``{"AAPL": {"sector": "technology"}}``) or from CSV with a column ``ticker`` or
    ``symbol``, in which an empty cell says nothing. Raises ``Refused``."""
    text = text.strip().removeprefix("\ufeff")
    if not text:
        return {}
    if not text.startswith("{"):
        return _of_table(text)
    try:
        return _decode(text)
    except (msgspec.DecodeError, RecursionError) as error:  # a ValidationError is one
        raise Refused("facts", f"they cannot be read as JSON of facts by ticker: {error}"[:300]) from error


def _of_table(text: str) -> Facts:
    rows = csv.DictReader(io.StringIO(text))
    try:
        names = rows.fieldnames or ()
        key = next((name for name in names if name.strip().lower() in _KEYS), None)
        if key is None:
            raise Refused("facts", "they are neither JSON by ticker nor CSV with a column ticker or symbol")
        found: Facts = {}
        for row in rows:
            ticker = (row[key] or "").strip()
            if not ticker or None in row:
                raise Refused("facts", f"line {rows.line_num} does not fit to the columns {', '.join(names)}"[:300])
            if ticker in found:
                raise Refused("facts", f"line {rows.line_num}: {ticker[:80]} is there twice")
            cells = {name.strip(): (row[name] or "").strip() for name in names if name != key}
            found[ticker] = {name: _value(cell) for name, cell in cells.items() if cell}
    except csv.Error as error:
        raise Refused("facts", f"line {rows.line_num} cannot be read: {error}") from error
    return found


def _value(cell: str) -> Fact:
    if not (match := _NUMBER.fullmatch(cell)):
        return cell
    return float(cell) if match[2] else int(cell)


def with_facts(data: DataSet, facts: Mapping[str, Mapping[str, object]]) -> DataSet:
    """Raises ``Refused`` for tickers that have no bars, and for what is no fact."""
    if unknown := [ticker for ticker in facts if ticker not in data.bars]:
        raise Refused("facts", f"there are no bars of {', '.join(unknown[:10])[:200]}")
    kept = {ticker: dict(one) for ticker, one in facts.items()}
    for fact in (fact for one in kept.values() for fact in one.values()):
        if not (fact is None or isinstance(fact, str | int) or (isinstance(fact, float) and isfinite(fact))):
            raise Refused("facts", f"{fact!r} cannot be used; a fact is text, a number, true, false or null"[:300])
    return replace(data, info=kept) if kept else data


def names_of(facts: Iterable[Mapping[str, object]]) -> list[str]:
    """What is known of any ticker, in order."""
    return sorted({name for one in facts for name in one})
