"""A sweep between its start and its end: what was agreed on, its runs, and what came of them."""

from __future__ import annotations

from msgspec import Struct

from abaca_strategies.flowmodels import Figures
from abaca_strategies.models import Json, StrategyId, Version
from abaca_strategies.requests import SweepRequest
from abaca_strategies.running.work import Point, Points

USUAL_BATCHES = 64
"""More would spend their time on starting processes, fewer show less while they run."""
FEW = 4
"""Runs that are worth a process."""
MAX_RUNS = 100_000
"""Points, times one more than the folds."""
HEADLINES = ("total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "trades", "win_rate")
MOMENTS = ("skew", "kurtosis", "bars", "periods_per_year")
"""What the deflated Sharpe ratio needs besides."""
MORE = ("profit_factor", "exposure", "fees")


class Terms(Struct, frozen=True, kw_only=True):
    """What every run of a sweep shares. Version and data cannot change any more."""

    strategy_id: StrategyId
    version: Version
    data_hash: str
    symbols: list[str] | None = None
    start: str | None = None
    end: str | None = None
    timeframe: str | None = None
    params: Json = {}
    rules: Json = {}
    hold: int = 5
    slots: int = 10
    risk_free: float = 0.0

    def work(self, code: str, points: list[Point]) -> Points:
        return Points(
            code=code,
            params=self.params,
            symbols=self.symbols,
            start=self.start,
            end=self.end,
            timeframe=self.timeframe,
            points=points,
            rules=self.rules,
            hold=self.hold,
            slots=self.slots,
            risk_free=self.risk_free,
        )


class Fold(Struct, frozen=True, kw_only=True):
    """One step of a walk forward: bars of the line of time, the last one not included, and when they begin."""

    train: tuple[int, int]
    test: tuple[int, int]
    train_start: str
    train_end: str
    test_start: str
    test_end: str


class Batch(Struct, frozen=True, kw_only=True):
    """Runs that one job does."""

    terms: Terms
    runs: list[Point]
    whole: list[str]
    """Figures to keep of a run over all bars."""
    part: list[str]
    """Figures to keep of a run over the training bars of a fold."""


class Trial(Struct, frozen=True, kw_only=True):
    """One run that was done. Numbers count through the points, then through the points of each fold."""

    number: int
    params: Json | None = None
    """None for a run of a fold: those of the point's first run."""
    figures: Figures = {}
    error: str | None = None


class Part(Struct, frozen=True, kw_only=True):
    """What one batch answers."""

    trials: list[Trial]


class Sweep(Struct, frozen=True, kw_only=True):
    """What is kept of a sweep by the id of its workflow, so that it can be looked at before anything has ended."""

    terms: Terms
    request: SweepRequest
    dataset: str
    """The name that was asked for."""
    strategy_name: str = ""
    points: int
    per_batch: int
    folds: list[Fold] = []
    warnings: list[str] = []
    created_at: str

    @property
    def total(self) -> int:
        return self.points * (1 + len(self.folds))

    @property
    def batches(self) -> int:
        return -(-self.total // self.per_batch)

    def size_of(self, batch: int) -> int:
        """Runs of one batch by its place."""
        return min(self.per_batch, self.total - batch * self.per_batch)


def per_batch(total: int) -> int:
    """Runs in each batch of so many."""
    return max(-(-total // USUAL_BATCHES), min(FEW, -(-total // (2 * FEW))))
