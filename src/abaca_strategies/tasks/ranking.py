"""Puts what several strategies say of the same tickers into one order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from abaca_strategies.errors import Refused
from abaca_strategies.models import Json, RankedResult
from abaca_strategies.registry import DataFile, NewestBar
from abaca_strategies.running.work import ScreenRow

MIN_SCORE = "min_score"
MAX_DATA = 4_000
"""Bytes of what a strategy says of one ticker that are kept."""
MAX_ALL_DATA = 4_000_000
_SMALL = 2.0**-8
"""A power of two, which changes no digit; there are at most 100 strategies."""
Facts = Mapping[str, Mapping[str, object]]
Rows = Mapping[int, Mapping[str, ScreenRow]]
_encode = msgspec.json.Encoder().encode


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which tickers are answered. They do not change what strategies are shown."""

    min_score: float | None = None
    facts: dict[str, list[Any]] = {}
    """The values that are let through, by fact."""

    @classmethod
    def of(cls, given: Json, file: DataFile) -> Filters:
        """Raises ``Refused`` for a filter that no ticker of the data set has a fact for: passing it over would answer
        another question."""
        least: float | None = None
        facts: dict[str, list[Any]] = {}
        known = sorted({name for one in file.facts.values() for name in one})
        for name, wanted in given.items():
            if name == MIN_SCORE:
                if isinstance(wanted, bool) or not isinstance(wanted, int | float):
                    raise Refused("filters", f"{MIN_SCORE} is {wanted!r}; it has to be a number"[:300])
                least = float(wanted)
            elif name in known:
                facts[name] = wanted if isinstance(wanted, list) else [wanted]
            else:
                has = ", ".join([MIN_SCORE, *known])
                raise Refused("filters", f"there is no filter {name!r}; data set {file.name} has {has}"[:500])
        return cls(min_score=least, facts=facts)

    def lets(self, facts: Mapping[str, object]) -> bool:
        return all(facts.get(name) in allowed for name, allowed in self.facts.items())


def rank(
    rows: Rows, newest: Mapping[str, NewestBar], facts: Facts, filters: Filters, *, several: bool
) -> tuple[list[RankedResult], list[str]]:
    """The highest score first, equal ones by symbol; and what was left out.

    A score is the mean over the strategies that answered. One that says nothing of a ticker counts as 0; a ticker that
    none says anything of is not there.
    """
    room, cut = MAX_ALL_DATA, 0
    scored = []
    for ticker in {ticker for one in rows.values() for ticker in one}:
        if filters.lets(facts.get(ticker, {})):
            score = _mean([one[ticker].score for one in rows.values() if ticker in one], len(rows))
            if filters.min_score is None or score >= filters.min_score:
                scored.append((-score, ticker))
    ranked = []
    for negative, ticker in sorted(scored):
        said = {str(id): one[ticker] for id, one in rows.items() if ticker in one}
        data: Json = {id: _told(row) for id, row in said.items()} if several else _told(next(iter(said.values())))
        size = len(_encode(data))
        if size > MAX_DATA or size > room:
            data, cut = {}, cut + 1
        else:
            room -= size
        sector = facts.get(ticker, {}).get("sector")
        ranked.append(
            RankedResult(
                symbol=ticker,
                score=-negative,
                current_price=newest[ticker].close,
                sector=sector if isinstance(sector, str) else None,
                data=data,
                parts={id: row.score for id, row in said.items()} if several else {},
            )
        )
    notes = [f"what the strategies say of {cut} tickers is left out: it is too long"] if cut else []
    return ranked, notes


def _mean(scores: Sequence[float], count: int) -> float:
    """Exact but for its last digit, whatever their order. They are made small first: code may answer any number."""
    return math.fsum(score * _SMALL for score in scores) / count / _SMALL


def _told(row: ScreenRow) -> Json:
    return {**row.data, "timestamp": row.timestamp, "bars_ago": row.bars_ago}
