"""What the tasks answer, in the source system's JSON names. Fields beyond those come after them."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct, field

StrategyId = Annotated[int, Meta(ge=1)]
Version = Annotated[int, Meta(ge=1)]
"""Versions count from 1; an edit makes the next."""
Json = dict[str, Any]
ENGINE_VERSION = "1"
"""Changes whenever the same strategy over the same data could give other figures."""
MAX_INSTANCES = 15_000
MAX_POINTS = 5_000
"""Points of an equity curve, and trades, that a result carries; how many there were stands beside them."""


class StrategyPlotData(Struct, frozen=True, kw_only=True):
    """One figure: ``data`` is what plotly draws."""

    plot_id: int = field(name="plotID")
    data: Json
    title_ticker: str | None = field(name="titleTicker", default=None)


class ResponseImage(Struct, frozen=True, kw_only=True):
    """One picture, in base64."""

    data: str
    format: str = "png"


class Strategy(Struct, frozen=True, kw_only=True, rename="camel"):
    """One version of a strategy."""

    strategy_id: StrategyId
    user_id: int = 0
    name: str
    description: str = ""
    prompt: str = ""
    python_code: str
    score: float | None = None
    version: Version = 1
    created_at: str | None = None
    """RFC 3339."""
    is_alert_active: bool = False
    alert_threshold: float | None = None
    alert_universe: list[str] | None = None
    min_timeframe: str | None = None
    alert_last_trigger_at: str | None = None


class BacktestSummary(Struct, frozen=True, kw_only=True):
    """Counts of one back-test.

    For ``strategy()`` an instance is what it answered, and positive means a score above zero or none, which says
    nothing about money. For the forms that trade, an instance is an entry, and positive means that it earned something
    after costs.
    """

    total_instances: int
    positive_instances: int
    date_range: list[str]
    """First and last day of the data."""
    symbols_processed: int
    execution_type: str | None = None
    """``instances``, ``signals``, ``weights`` or ``events``."""
    successful_classifications: int | None = None
    """Instances after which the price went their way over the first horizon, or trades that earned something."""
    columns: list[str] = []

    @property
    def success_rate(self) -> float:
        """The share of positive instances; 0 of none."""
        return self.positive_instances / self.total_instances if self.total_instances else 0.0


class EquityPoint(Struct, frozen=True, kw_only=True):
    time: str
    equity: float
    drawdown: float
    benchmark: float | None = None


class TradeRow(Struct, frozen=True, kw_only=True):
    ticker: str
    direction: str
    quantity: float
    """Without a sign."""
    entry_time: str
    exit_time: str
    entry_price: float
    exit_price: float
    fees: float
    pnl: float
    returned: float = field(name="return")
    bars: int
    exit_reason: str
    """``market``, ``limit``, ``stop``, ``stop_loss``, ``take_profit``, ``margin_call``, or ``open`` at the end of the
    data."""
    tag: str = ""


class DrawdownRow(Struct, frozen=True, kw_only=True):
    start: str
    valley: str
    end: str | None
    """None while it lasts."""
    depth: float
    days: float
    bars: int


class HorizonRow(Struct, frozen=True, kw_only=True):
    """What followed the instances after so many bars."""

    bars: int
    count: int
    hit_rate: float | None
    mean: float | None
    median: float | None
    best: float | None
    worst: float | None


class BacktestResult(Struct, frozen=True, kw_only=True):
    success: bool
    strategy_id: StrategyId
    version: Version
    instances: list[Json]
    summary: BacktestSummary
    strategy_prints: str | None = None
    strategy_plots: list[StrategyPlotData] | None = None
    response_images: list[ResponseImage] | None = None
    error_message: str | None = None
    truncated: bool = False
    """Whether there were more instances than are kept; ``summary.total_instances`` counts all."""
    metrics: dict[str, float | None] = {}
    metric_flags: dict[str, str] = {}
    """Why a metric is null."""
    equity_curve: list[EquityPoint] = []
    equity_points: int = 0
    """Bars of the run; the curve leaves some out where there are more than it carries."""
    drawdowns: list[DrawdownRow] = []
    """The deepest first."""
    trades: list[TradeRow] = []
    trades_total: int = 0
    breakdown: Json = {}
    """``month`` (a table by year), ``week`` and ``year`` returns, ``ticker`` and ``tag`` profits."""
    benchmark: str | None = None
    event_study: list[HorizonRow] = []
    data_hash: str | None = None
    engine_version: str | None = None
    warnings: list[str] = []


class RankedResult(Struct, frozen=True, kw_only=True):
    symbol: str
    score: float
    current_price: float | None = field(name="currentPrice", default=None)
    sector: str | None = None
    data: Json = {}
    """What the strategy says of it; by strategy where there were several."""
    parts: dict[str, float] = {}
    """The scores by strategy where there were several."""


class ScreeningResult(Struct, frozen=True, kw_only=True):
    success: bool
    ranked_results: list[RankedResult]
    error_message: str | None = None
    scores: dict[str, float] = {}
    """By symbol, of those ranked."""
    universe_size: int = field(name="universeSize", default=0)
    """Tickers that the strategies were shown, before ``filters``."""
    as_of: str | None = None
    """The newest bar that was shown."""
    data_hash: str | None = None
    warnings: list[str] = []
    versions: dict[str, int] = {}
    """The version that was run, by strategy."""
    failures: dict[str, str] = {}
    """Why a strategy has no part in the ranking, by strategy."""
    ranked_total: int = 0
    """How many there were before ``limit``."""


class AlertTrigger(Struct, frozen=True, kw_only=True):
    ticker: str
    timestamp: int
    score: float | None = None
    bucket: str = ""
    """The bar of the rule's timeframe that it fell into; there is at most one trigger in each."""
    is_new: bool = True
    """Whether this evaluation found it first."""
    notice: str | None = None
    """What became of it for the rule (``flowmodels.Notice``); None without a rule, and in a test."""


class AlertResult(Struct, frozen=True, kw_only=True):
    success: bool
    error_message: str | None = None
    triggers: list[AlertTrigger] = []
    """All that hold now, whether or not an earlier evaluation found them."""
    evaluated: int = 0
    """Tickers that were looked at."""
    data_hash: str | None = None
    warnings: list[str] = []
    is_test: bool = False


class CreateStrategyResult(Struct, frozen=True, kw_only=True):
    success: bool
    strategy: Strategy | None = None
    error: str | None = None


class PythonAgentResult(Struct, frozen=True, kw_only=True):
    """The mixed case of the names is the source system's."""

    success: bool
    result: list[Any]
    prints: str = ""
    plots: list[StrategyPlotData] = []
    response_images: list[ResponseImage] = field(name="responseImages", default_factory=list)
    execution_id: str = field(name="executionID", default="")
    error: str | None = None
