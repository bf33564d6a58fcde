"""Tables of a result: figures, months, drawdowns, trades, instances, horizons."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from abaca_strategies.models import BacktestResult, Json, TradeRow
from abaca_strategies.web.drawing.markup import Child, Html, el
from abaca_strategies.web.drawing.scales import NOTHING, is_number, moment, number, percent

_TIME = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
PERCENT = frozenset(
    (
        *("total_return", "cagr", "volatility", "value_at_risk", "conditional_value_at_risk", "best_period"),
        *("worst_period", "mean_period", "positive_periods", "max_drawdown", "avg_drawdown", "ulcer_index", "exposure"),
        *("win_rate", "best_trade", "worst_trade", "avg_trade", "avg_win", "avg_loss", "kelly", "avg_gross"),
        *("max_gross", "benchmark_total_return", "benchmark_cagr", "benchmark_volatility", "alpha"),
        *("benchmark_max_drawdown", "tracking_error", "probabilistic_sharpe"),
    )
)
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Return", ("total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "omega", "probabilistic_sharpe",
                "best_period", "worst_period", "positive_periods", "skew", "kurtosis", "value_at_risk",
                "conditional_value_at_risk", "tail_ratio")),
    ("Drawdown", ("max_drawdown", "max_drawdown_days", "avg_drawdown", "avg_drawdown_days", "ulcer_index")),
    ("Trades", ("trades", "open_trades", "win_rate", "profit_factor", "expectancy", "avg_trade", "avg_win", "avg_loss",
                "best_trade", "worst_trade", "sqn", "kelly", "longest_wins", "longest_losses", "avg_trade_days",
                "max_trade_days")),
    ("Account", ("initial_equity", "final_equity", "peak_equity", "exposure", "avg_gross", "max_gross", "turnover",
                 "fees", "slippage")),
    ("Benchmark", ("benchmark_total_return", "benchmark_cagr", "benchmark_volatility", "benchmark_sharpe",
                   "benchmark_max_drawdown", "alpha", "beta", "correlation", "tracking_error", "information_ratio",
                   "treynor")),
)  # fmt: skip
_WORDS = {"cagr": "CAGR", "sqn": "SQN", "avg": "average", "max": "largest", "kelly": "Kelly"}


def title_of(name: str) -> str:
    words = " ".join(_WORDS.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:]


def figure_of(name: str, value: float | None) -> str:
    return percent(value) if name in PERCENT else number(value)


def table(caption: str, head: Sequence[tuple[str, bool]], rows: Iterable[Sequence[Child]], look: str = "grid") -> Html:
    """``head``: words, and whether the column holds numbers. It scrolls by itself, also from the keyboard."""
    kinds = ["num" if is_number_column else None for _, is_number_column in head]
    first = el("tr", *(el("th", words, scope="col", class_=kind) for (words, _), kind in zip(head, kinds, strict=True)))
    body = [el("tr", *(_td(cell, kind) for cell, kind in zip(row, kinds, strict=True))) for row in rows]
    whole = el("table", el("caption", caption, class_="hide"), el("thead", first), el("tbody", *body), class_=look)
    return el("div", whole, class_="scroll tall", tabindex=0, role="region", aria_label=caption)


def _td(cell: Child, kind: str | None) -> Html:
    is_time = kind is None and isinstance(cell, str) and _TIME.fullmatch(cell) is not None
    return el("td", cell, class_="c-time" if is_time else kind)


def metrics_table(result: BacktestResult) -> Html:
    """All figures in groups; one that has no value says why."""
    grouped = {name for _, names in GROUPS for name in names}
    other = tuple(name for name in result.metrics if name not in grouped)
    parts = []
    for words, names in (*GROUPS, ("Other", other)):
        rows = [_figure_row(result, name) for name in names if name in result.metrics]
        if rows:
            parts.append(el("div", el("h3", words), el("dl", *rows, class_="figures")))
    return el("div", *parts, class_="figure-groups pad")


def _figure_row(result: BacktestResult, name: str) -> Html:
    value = result.metrics[name]
    flag = result.metric_flags.get(name)
    why = el("span", flag, class_="why") if flag else None
    return el("div", el("dt", title_of(name)), el("dd", figure_of(name, value), why, class_="num"))


def months_table(result: BacktestResult) -> Html | None:
    """Returns by month: coloured by sign, and written."""
    months = result.breakdown.get("month")
    if not isinstance(months, dict) or not months:
        return None
    head = [("Year", False), *((month, True) for month in MONTHS), ("Year's return", True)]
    rows = [[el("b", year), *map(_share, row)] for year, row in sorted(months.items())]
    return table("Returns by month", head, rows, "grid months")


def _share(value: Any) -> Html:
    if not is_number(value):
        return el("span", NOTHING, class_="quiet")
    return el("span", percent(value), class_="up" if value > 0 else "down" if value < 0 else None)


def drawdowns_table(result: BacktestResult) -> Html | None:
    if not result.drawdowns:
        return None
    head = [("From", False), ("Lowest", False), ("Until", False), ("Depth", True), ("Days", True), ("Bars", True)]
    rows = [
        [each.start[:10], each.valley[:10], each.end[:10] if each.end else "it lasts", percent(each.depth),
         number(each.days), number(each.bars)]
        for each in result.drawdowns
    ]  # fmt: skip
    return table("Drawdowns, the deepest first", head, rows)


def trades_table(trades: Sequence[TradeRow]) -> Html | None:
    if not trades:
        return None
    head = [("Ticker", False), ("Direction", False), ("Entry", False), ("Exit", False), ("Quantity", True),
            ("Entry price", True), ("Exit price", True), ("Profit", True), ("Return", True), ("Bars", True),
            ("Ended by", False), ("Tag", False)]  # fmt: skip
    rows = [
        [each.ticker, each.direction, short_time(each.entry_time), short_time(each.exit_time), number(each.quantity),
         number(each.entry_price), number(each.exit_price), el("span", number(each.pnl), class_=_sign(each.pnl)),
         percent(each.returned), number(each.bars), each.exit_reason.replace("_", " "), each.tag]
        for each in trades
    ]  # fmt: skip
    return table("Trades", head, rows)


def _sign(value: float) -> str | None:
    return "up" if value > 0 else "down" if value < 0 else None


def instances_table(columns: Sequence[str], rows: Sequence[Json]) -> Html | None:
    """What a strategy answered, column by column as it named them."""
    if not rows:
        return None
    names = list(columns) or list(dict.fromkeys(name for row in rows for name in row))
    head = [(name[:60], any(is_number(row.get(name)) for row in rows[:20])) for name in names[:40]]
    return table("Instances", head, [[_cell(name, row.get(name)) for name in names[:40]] for row in rows])


def _cell(name: str, value: Any) -> str:
    if name == "timestamp" and is_number(value):
        return moment(float(value))
    if isinstance(value, str):
        return value[:300]
    if is_number(value):
        return number(float(value))
    return NOTHING if value is None else json.dumps(value, default=str)[:300]


def horizons_table(result: BacktestResult) -> Html | None:
    if not result.event_study:
        return None
    head = [(name, True) for name in ("Bars after", "Instances", "Went their way", "Mean", "Median", "Best", "Worst")]
    rows = [
        [number(each.bars), number(each.count), *map(percent, (each.hit_rate, each.mean, each.median, each.best,
                                                             each.worst))]
        for each in result.event_study
    ]  # fmt: skip
    return table("What followed the instances", head, rows)


def profits_table(result: BacktestResult, kind: str, caption: str) -> Html | None:
    """Profits by ticker or by tag."""
    rows: Any = result.breakdown.get(kind)
    if not isinstance(rows, Mapping) or not rows:
        return None
    by_profit: Callable[[tuple[str, Any]], float] = lambda item: -item[1]["pnl"]  # noqa: E731
    body = [
        [name, number(row["trades"]), number(row["wins"]), el("span", number(row["pnl"]), class_=_sign(row["pnl"]))]
        for name, row in sorted(rows.items(), key=by_profit)[:200]
    ]
    return table(caption, [(kind.title(), False), ("Trades", True), ("Wins", True), ("Profit", True)], body)


def short_time(time: str) -> str:
    """A day; with the time where it is not midnight."""
    return time[:10] if time[10:] in ("", "T00:00:00Z") else time[:16].replace("T", " ")
