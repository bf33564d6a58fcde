"""The parts of a result in their order, each a card with a heading. The page and the report differ in few words."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from abaca_strategies.models import BacktestResult, ResponseImage, StrategyPlotData
from abaca_strategies.web.drawing.figures import draw_plot
from abaca_strategies.web.drawing.lines import Curve, time_chart
from abaca_strategies.web.drawing.markup import Child, Html, el, joined
from abaca_strategies.web.drawing.plotly import words
from abaca_strategies.web.drawing.scales import number, percent, seconds_of
from abaca_strategies.web.report.tables import (
    drawdowns_table,
    figure_of,
    horizons_table,
    instances_table,
    metrics_table,
    months_table,
    profits_table,
    title_of,
    trades_table,
)

TILES = ("total_return", "cagr", "sharpe", "max_drawdown", "trades", "win_rate", "profit_factor", "exposure")
PNG = b"\x89PNG\r\n\x1a\n"
MAX_PRINTS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """``trades`` and ``instances``: which of them are in the tables, by place. ``picture`` gives the address of an
    image by its place, ``json`` that of a figure's JSON; ``more`` the words below a table that leaves some out."""

    trades: slice
    instances: slice
    picture: Callable[[int, ResponseImage], str | None]
    json: Callable[[int], str] | None = None
    more: Callable[[str, int, slice], Html | None] = lambda *_: None


def card(id: str, title: str, *content: Child, about: str | None = None) -> Html:
    head = el("div", el("h2", title, id=f"h-{id}"), about and el("span", about, class_="quiet"), class_="card-head")
    return el("section", head, *content, class_="card", id=id, aria_labelledby=f"h-{id}")


def tiles(result: BacktestResult) -> Html:
    rows = [
        el("div", el("dt", title_of(name)), el("dd", figure_of(name, result.metrics.get(name))))
        for name in TILES
        if name in result.metrics
    ]
    return el("dl", *rows, class_="tiles eight") if rows else Html("")


def warnings(result: BacktestResult) -> Html | None:
    if not result.warnings:
        return None
    return el("div", el("ul", *(el("li", each) for each in result.warnings)), class_="callout warned", role="note")


def failure(result: BacktestResult) -> Html | None:
    if result.success:
        return None
    told = result.error_message or "It left no reason."
    return el("div", el("p", el("b", "The strategy failed. ")), el("pre", told, class_="message"), class_="callout bad")


def curves(result: BacktestResult) -> Html | None:
    points = result.equity_curve
    if not points:
        return None
    times = [seconds_of(each.time) for each in points]
    lines = [Curve("Equity", [(time, each.equity) for time, each in zip(times, points, strict=True)], 0)]
    beside = [(time, each.benchmark) for time, each in zip(times, points, strict=True) if each.benchmark is not None]
    if beside:
        lines.append(Curve(f"Benchmark: {result.benchmark or 'as given'}", beside, 1))
    first, last = points[0], points[-1]
    says = f"Equity from {number(first.equity)} on {first.time[:10]} to {number(last.equity)} on {last.time[:10]}"
    deepest = min(points, key=lambda each: each.drawdown)
    under = [Curve("Drawdown", [(time, each.drawdown) for time, each in zip(times, points, strict=True)], 3, True)]
    told = f"Drawdown; the deepest is {percent(deepest.drawdown)} on {deepest.time[:10]}"
    about = f"{result.equity_points:,} bars" if result.equity_points == len(points) else (
        f"{len(points):,} of {result.equity_points:,} bars")  # fmt: skip
    return joined(
        card("equity", "Equity", time_chart(lines, says), about=about),
        card("underwater", "Drawdown", time_chart(under, told, height=170, write=percent, zero=True)),
    )


def plots(result: BacktestResult, shown: Shown) -> Html | None:
    if not result.strategy_plots:
        return None
    return joined(*(_plot(at, each, shown) for at, each in enumerate(result.strategy_plots)))


def _plot(at: int, plot: StrategyPlotData, shown: Shown) -> Html:
    layout = plot.data.get("layout")
    title = words(layout.get("title")) if isinstance(layout, dict) else ""
    about = f"{plot.title_ticker} " if plot.title_ticker else ""
    link = shown.json and el("a", "JSON", href=shown.json(at), download=f"figure-{at + 1}.json")
    head = el("div", el("h2", title or f"Figure {at + 1}"), el("span", about, link, class_="quiet"), class_="card-head")
    return el("section", head, draw_plot(plot.data), class_="card plot-card", aria_label=title or f"Figure {at + 1}")


def images(result: BacktestResult, shown: Shown) -> Html | None:
    found = []
    for at, image in enumerate(result.response_images or ()):
        address = shown.picture(at, image)
        alt = f"Picture {at + 1} that the strategy drew"
        found.append(
            el("img", src=address, alt=alt)
            if address
            else el("p", f"Picture {at + 1} is none that can be shown.", class_="quiet")
        )
    return card("images", "Pictures", el("div", *found, class_="pictures pad")) if found else None


def png_of(image: ResponseImage) -> bytes | None:
    """Its bytes, where they are a picture of the one kind that is shown."""
    try:
        data = base64.b64decode(image.data, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if image.format == "png" and data.startswith(PNG) else None


def prints(told: str | None) -> Html | None:
    if not told:
        return None
    cut = told if len(told) <= MAX_PRINTS else f"{told[:MAX_PRINTS]}\n... {len(told) - MAX_PRINTS:,} characters more"
    return card("prints", "Prints", el("pre", cut, class_="json prints", tabindex=0))


def sections(result: BacktestResult, shown: Shown) -> Html:
    """Everything below the tiles."""
    trades, instances = result.trades[shown.trades], result.instances[shown.instances]
    parts: list[Child] = [curves(result)]
    if result.metrics:
        parts.append(card("metrics", "Figures", metrics_table(result)))
    for id, title, content in (
        ("months", "Returns by month", months_table(result)),
        ("drawdowns", "Drawdowns", drawdowns_table(result)),
        ("study", "What followed the instances", horizons_table(result)),
        ("tickers", "Profit by ticker", profits_table(result, "ticker", "Profit by ticker")),
        ("tags", "Profit by tag", profits_table(result, "tag", "Profit by tag")),
    ):
        if content is not None:
            parts.append(card(id, title, content))
    if (found := trades_table(trades)) is not None:
        more = shown.more("trades", len(result.trades), shown.trades)
        parts.append(card("trades", "Trades", found, more, about=f"{result.trades_total:,} in all"))
    if (found := instances_table(result.summary.columns, instances)) is not None:
        more = shown.more("instances", len(result.instances), shown.instances)
        parts.append(card("instances", "Instances", found, more, about=f"{result.summary.total_instances:,} in all"))
    parts += [plots(result, shown), images(result, shown), prints(result.strategy_prints)]
    return joined(*parts)
