"""What sweeps, checks and alert rules answer: what the source system did not have, so the names are ours."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from abaca_strategies.models import Json, StrategyId, Version
from abaca_strategies.requests import AlertRuleRequest

Figures = dict[str, float | None]
MAX_TOP = 20


class SweepPoint(Struct, frozen=True, kw_only=True):
    """One point that was tried."""

    number: int
    """Its place in the sweep, from 0."""
    params: Json
    score: float | None = None
    """Its figure of the objective; None where it has none."""
    figures: Figures = {}
    is_feasible: bool = True
    """Whether its figures keep ``require``. Another cannot be the best."""
    error: str | None = None
    """Why it has no figures."""


class HeatMap(Struct, frozen=True, kw_only=True):
    """The objective over two parameters: a row of ``z`` for each value of ``y``; None where nothing was tried."""

    x_name: str
    y_name: str
    x: list[Any]
    y: list[Any]
    z: list[list[float | None]]


class FoldRow(Struct, frozen=True, kw_only=True):
    """One step of a walk forward: the point that was best on the training bars, and what it did on the test bars."""

    number: int
    train_start: str
    train_end: str
    test_start: str
    test_end: str
    params: Json | None = None
    """None where no point was feasible."""
    train_score: float | None = None
    test_score: float | None = None
    test_figures: Figures = {}
    error: str | None = None


class SweepFound(Struct, frozen=True, kw_only=True):
    """What the runs of a sweep say together, so far or at its end."""

    strategy_id: StrategyId
    version: Version
    objective: str
    maximise: bool
    total: int
    """Runs that there are to do: the points, and all of them again on the training bars of each fold."""
    done: int
    failed: int
    """Of those done, without figures."""
    best: SweepPoint | None = None
    top: list[SweepPoint] = []
    """The best ones, at most ``MAX_TOP``."""
    heat_map: HeatMap | None = None
    """Over the first two parameters that differ; None where fewer than two do. Of more than 40 values of a parameter
    there are 20 ranges, named by their middles."""


class SweepView(SweepFound, frozen=True, kw_only=True):
    """A sweep as it is now."""

    id: str
    """The id of its workflow: that of the job that ends it."""
    state: str
    """``queued`` until something runs, ``running`` while points are tried, then how that job ended."""
    result: SweepResult | None = None


class SweepResult(SweepFound, frozen=True, kw_only=True):
    success: bool
    error_message: str | None = None
    walk_forward: list[FoldRow] = []
    out_of_sample: float | None = None
    """The mean objective over the test parts of the walk forward."""
    deflated_sharpe: float | None = None
    """The probability that the best point's Sharpe ratio is not luck alone, by how many were tried and how much they
    differed (Bailey and Lopez de Prado, 2014). None where the objective's figures do not give it."""
    expected_best_sharpe: float | None = None
    """The annual Sharpe ratio that the best of so many points without any skill would be expected to have."""
    data_hash: str | None = None
    engine_version: str | None = None
    warnings: list[str] = []


class Difference(Struct, frozen=True, kw_only=True):
    """A decision that changed when later bars were taken away: it had looked ahead."""

    ticker: str
    time: str
    cut: str
    """The last bar that was left."""
    whole: float | None
    """What it was with all bars."""
    seen: float | None
    """What it was without the later ones."""


class CheckResult(Struct, frozen=True, kw_only=True):
    success: bool
    """Whether the check could be made, whatever it found."""
    error_message: str | None = None
    strategy_id: StrategyId
    version: Version
    looks_ahead: bool = False
    cuts: int = 0
    decisions: int = 0
    """Decisions that were compared."""
    differences: list[Difference] = []
    differences_total: int = 0
    warm_up_needed: int | None = None
    """Bars after which an earlier beginning of the data changes nothing; None where it always does or is not known."""
    warm_up_early: int | None = None
    """Bars with a position before that."""
    data_hash: str | None = None
    warnings: list[str] = []


class AlertRule(Struct, frozen=True, kw_only=True):
    """A strategy that is evaluated by the clock."""

    id: str
    rule: AlertRuleRequest
    """As it was given."""
    user_id: int = 0
    schedule: str = ""
    """The name of its schedule, which ``app.schedules`` knows."""
    created_at: str
    changed_at: str
    last_run_at: str | None = None
    """Of what follows, a test-fire changes nothing."""
    last_trigger_at: str | None = None
    last_error: str | None = None
    """Why its last evaluation could not be made."""
    next_run_at: str | None = None


class AlertRulePage(Struct, frozen=True, kw_only=True):
    items: list[AlertRule]
    cursor: str | None = None
    """Where the next page begins; None on the last."""


Notice = Literal["pending", "sent", "muted", "cooldown", "kept"]
"""What became of a trigger for one rule: ``sent`` where the job that tells the webhook has been made, ``pending`` until
then, otherwise why it is not told; ``kept`` where the rule has no webhook."""


class AlertEvent(Struct, frozen=True, kw_only=True):
    """One trigger in the history. There is at most one for a strategy, ticker and bucket, whatever rules found it."""

    strategy_id: StrategyId
    version: Version
    ticker: str
    timeframe: str = "1d"
    bucket: str
    """The beginning of the bar of the rule's timeframe that it fell into."""
    timestamp: int
    """What the strategy says it is about, in seconds since 1970."""
    score: float | None = None
    triggered_at: str
    rules: dict[str, Notice] = {}
    """By the id of the rule that found it."""
    data: Json = {}
    data_hash: str | None = None
    job_id: str = ""
    """The evaluation that found it first."""


class AlertEventPage(Struct, frozen=True, kw_only=True):
    """The newest first."""

    items: list[AlertEvent]
    cursor: str | None = None


class AlertNotice(Struct, frozen=True, kw_only=True):
    """What the webhook of a rule is told: the result of the job that it hears of."""

    rule_id: str
    rule_name: str = ""
    is_test: bool = False
    events: list[AlertEvent] = []
    """One trigger; of a test, all that were found."""
