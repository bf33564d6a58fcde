"""What is asked of the sandbox, and what it answers. The two sides share this file alone."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from abaca_strategies.models import Json, ResponseImage, StrategyPlotData

MAX_PRINTS = 1 << 20
"""Bytes of what is printed that are kept."""
MAX_PLOTS = 50
"""Figures of plotly and pictures of matplotlib, each."""
MAX_PICTURES = 10_000_000
"""Bytes of all plots together, and of all images."""
MAX_ANSWER = 48_000_000
"""Bytes of a whole answer."""
MAX_DIFFERENCES = 200
MAX_RESULT_ROWS = 10_000
"""Rows of a table that a cell may answer."""

Form = Literal["instances", "signals", "weights", "events"]
Reason = Literal[
    "syntax", "entry", "error", "timeout", "memory_limit", "output_limit", "file_limit", "process_limit", "crashed",
    "too_large", "bad_answer",
]  # fmt: skip
"""Why there is no answer. ``error``: the code raised. ``bad_answer``: what came out is not what was asked for."""


class Work(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Code, and the part of the data set that it gets."""

    code: str
    params: Json = {}
    symbols: list[str] | None = None
    start: str | None = None
    end: str | None = None
    timeframe: str | None = None
    prints: int = MAX_PRINTS
    plots: int = MAX_PLOTS
    """How many plots, and how many images, are kept at most."""


class Inspect(Work, frozen=True, kw_only=True, tag="inspect"):
    """Load the code, and say what it is; with data, count its bars."""


class Backtest(Work, frozen=True, kw_only=True, tag="backtest"):
    """``rules`` are the fields of ``engine.Rules``; ``benchmark`` is a ticker of the data set."""

    rules: Json = {}
    horizons: tuple[int, ...] = (1, 5, 20)
    hold: int = 5
    slots: int = 10
    benchmark: str | None = None
    risk_free: float = 0.0
    full_results: bool = True


class Screen(Work, frozen=True, kw_only=True, tag="screen"):
    """What a strategy says of each ticker at ``end``, which is the as-of time: nothing later is shown to it."""


class Check(Work, frozen=True, kw_only=True, tag="check"):
    """Look-ahead, and for ``signals`` warm-up."""

    rules: Json = {}
    cuts: int = 8


class Point(Struct, frozen=True, kw_only=True):
    """One point of a sweep. ``bars`` are the bars ``first <= bar < last`` of all bars of the data, without them all.
    Of those before ``first``, ``warmup`` are shown to the strategy as well: it decides nothing there, and no figure
    knows of them."""

    number: int
    params: Json = {}
    bars: tuple[int, int] | None = None
    warmup: int = 0


class Points(Work, frozen=True, kw_only=True, tag="points"):
    """Points of one sweep, one after the other. A point's params come over ``params``."""

    points: list[Point]
    rules: Json = {}
    hold: int = 5
    slots: int = 10
    risk_free: float = 0.0


class Cell(Work, frozen=True, kw_only=True, tag="cell"):
    """Code of an agent; it finds ``data`` under that name. ``end`` is the as-of time."""

    data: Any = None


AnyWork = Inspect | Backtest | Screen | Check | Points | Cell


class Inspected(Struct, frozen=True, kw_only=True):
    form: Form
    params: Json = {}
    """What the code declares as ``PARAMS``."""
    bars: int = 0
    """Bars of the line of time that all tickers share, of the data asked for."""
    tickers: list[str] = []


class ScreenRow(Struct, frozen=True, kw_only=True):
    ticker: str
    score: float
    timestamp: int
    """Seconds since 1970 of the bar that it is about."""
    bars_ago: int
    """Bars of the ticker after that one; 0 is the newest."""
    data: Json = {}
    """What else the instance says."""


class Screened(Struct, frozen=True, kw_only=True):
    """For ``strategy()`` the newest instance of each ticker that has one; for the others, each ticker's position."""

    form: Form
    rows: list[ScreenRow]
    prices: dict[str, float]
    """The last close of each ticker."""
    as_of: str | None = None
    """The instant of the newest bar that was shown."""


class DifferenceRow(Struct, frozen=True, kw_only=True):
    """A decision that changed when later bars were taken away."""

    ticker: str
    time: str
    cut: str
    whole: float | None
    seen: float | None


class Checked(Struct, frozen=True, kw_only=True):
    form: Form
    look_ahead: bool
    """Whether any decision changed."""
    cuts: int
    decisions: int
    differences: list[DifferenceRow] = []
    """At most ``MAX_DIFFERENCES``."""
    differences_total: int = 0
    warm_up_needed: int | None = None
    """Bars after which an earlier beginning of the data changes nothing; None where it always does, or is not known."""
    warm_up_early: int | None = None
    """Bars with a position before that; None for forms whose warm-up is not looked at."""


class PointResult(Struct, frozen=True, kw_only=True):
    number: int
    metrics: dict[str, float | None] = {}
    error: str | None = None
    """Why the point has no figures: what the strategy raised."""


class PointsDone(Struct, frozen=True, kw_only=True):
    """The last word of ``Points``; the results themselves come one by one."""

    count: int


class CellValue(Struct, frozen=True, kw_only=True):
    result: list[Any]


class Frame(Struct, frozen=True, kw_only=True):
    """A line of the author's code that was on the stack."""

    line: int
    function: str = ""
    text: str = ""


class Failure(Struct, frozen=True, kw_only=True):
    reason: Reason
    message: str
    """For the author of the code."""
    error_type: str = ""
    line: int | None = None
    frames: list[Frame] = []

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class Progress(Struct, frozen=True):
    """``stage``: ``start``, ``data``, ``strategy``, ``simulate``, ``measure``, ``check``, ``points``, ``result``."""

    stage: str
    done: int = 0
    total: int = 0
    message: str = ""
    """Often the ticker at hand."""


class Line(Struct, frozen=True, omit_defaults=True):
    """What is said while the work goes on, one line of JSON each."""

    progress: Progress | None = None
    point: PointResult | None = None


class Answer(Struct, frozen=True, kw_only=True):
    """What every answer has beside its value."""

    failure: Failure | None = None
    plots: list[StrategyPlotData] = []
    images: list[ResponseImage] = []
    warnings: list[str] = []
