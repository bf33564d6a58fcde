"""A back-test as one HTML file: pictures and style inside, no script, nothing from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from abaca_strategies.models import BacktestResult, ResponseImage, Strategy
from abaca_strategies.web.drawing.markup import Html, el, joined
from abaca_strategies.web.report.parts import Shown, card, failure, png_of, sections, tiles, warnings

ROWS = 1_000
"""Trades, and instances, that a report has; the result has them all."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def report(
    result: BacktestResult, strategy: Strategy | None = None, *, dataset: str | None = None, made_at: str | None = None
) -> str:
    """The whole file. ``strategy`` is the version that ran, whose code is then in it; ``dataset`` is the name of the
    data and ``made_at`` the time of the run, both as they shall be written."""
    name = strategy.name if strategy else f"Strategy {result.strategy_id}"
    title = f"{name}, version {result.version}"
    shown = Shown(trades=slice(0, ROWS), instances=slice(0, ROWS), picture=_inside, more=_left_out)
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("title", title),
        el("style", Html(_style())),
    )
    body = el(
        "body",
        el(
            "main",
            el("h1", title),
            _about(result, strategy, dataset, made_at),
            failure(result),
            warnings(result),
            tiles(result),
            sections(result, shown),
            _code(strategy),
        ),
    )
    return f"<!DOCTYPE html>\n{el('html', head, body, lang='en')}\n"


def _about(result: BacktestResult, strategy: Strategy | None, dataset: str | None, made_at: str | None) -> Html:
    summary = result.summary
    facts = [
        ("Strategy", f"{result.strategy_id}, version {result.version}"),
        ("Data set", dataset),
        ("Days", " to ".join(summary.date_range)),
        ("Tickers", f"{summary.symbols_processed:,}" if summary.symbols_processed else None),
        ("Form", summary.execution_type),
        ("Benchmark", result.benchmark),
        ("Run", made_at),
        ("Data hash", result.data_hash),
        ("Engine", result.engine_version),
    ]
    rows = [joined(el("dt", name), el("dd", value)) for name, value in facts if value]
    about = el("p", strategy.description, class_="about") if strategy and strategy.description else None
    return joined(about, el("dl", *rows, class_="facts card pad"))


def _code(strategy: Strategy | None) -> Html | None:
    if strategy is None:
        return None
    return card("code", "Code", el("pre", strategy.python_code, class_="json", tabindex=0))


def _inside(at: int, image: ResponseImage) -> str | None:
    return None if png_of(image) is None else f"data:image/png;base64,{image.data}"


def _left_out(what: str, total: int, part: slice) -> Html | None:
    if total <= part.stop:
        return None
    return el("p", f"The first {part.stop:,} of {total:,} are shown.", class_="quiet pad")


@cache
def _style() -> str:
    folder = files("abaca_strategies.web").joinpath("assets")
    return "\n".join(folder.joinpath(name).read_text("utf-8") for name in ("report.css", "results.css"))
