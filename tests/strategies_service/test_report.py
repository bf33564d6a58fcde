"""The report of one file: well-formed, nothing from elsewhere, its pictures inside, and no text of users is markup."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET

import msgspec
import pytest

from abaca_strategies.models import BacktestResult, Json, ResponseImage, Strategy, StrategyPlotData
from abaca_strategies.web.drawing.figures import draw_plot
from abaca_strategies.web.report import report
from tests.strategies.test_results import DATA, by_instances, by_signals

HOSTILE = "</style></script><img src=http://example.org/x onerror=alert(1)>\"'&\x00\u202e"
PICTURE = ResponseImage(data=base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode())
STRATEGY = Strategy(strategy_id=7, name=HOSTILE, description=HOSTILE, python_code=f"# {HOSTILE}")
WORDS = ["a", HOSTILE, "b"]
FIGURES: dict[str, Json] = {
    "lines": {"type": "scatter", "x": ["2020-01-01", "2020-01-02", "2020-01-03"], "y": [1, None, 3], "name": HOSTILE},
    "bars": {"type": "bar", "x": WORDS, "y": [1, -2, 3]},
    "candles": {"type": "candlestick", "x": WORDS, **{name: [1, 2, 3] for name in ("open", "high", "low", "close")}},
    "histogram": {"type": "histogram", "x": [1, 2, 2, 3]},
    "heat map": {"type": "heatmap", "x": WORDS, "y": [1, 2], "z": [[1, 2, None], [3, 4, 5]]},
    "packed": {"type": "scatter", "y": {"dtype": "f8", "bdata": base64.b64encode(bytes(24)).decode()}},
}
UNKNOWN: list[Json] = [
    {"data": [{"type": "pie"}]},
    {"data": [{"type": HOSTILE}]},
    {"data": [{"x": {"bdata": "?"}, "y": 3}]},
    {"data": {}},
    {"data": [7]},
    {},
]


def hostile(result: BacktestResult) -> BacktestResult:
    figures = [{"data": [trace], "layout": {"title": {"text": HOSTILE}}} for trace in FIGURES.values()]
    return msgspec.structs.replace(
        result,
        strategy_prints=HOSTILE,
        warnings=[HOSTILE],
        strategy_plots=[StrategyPlotData(plot_id=0, data=each, title_ticker=HOSTILE) for each in [*figures, *UNKNOWN]],
        response_images=[PICTURE, ResponseImage(data="PHN2Zz4=", format="svg+xml"), ResponseImage(data=HOSTILE)],
        instances=[{HOSTILE: HOSTILE, "score": 1.0, "more": {HOSTILE: [HOSTILE]}}],
        summary=msgspec.structs.replace(result.summary, columns=[HOSTILE, "score", "more"]),
    )


@pytest.mark.parametrize("result", [by_signals(), by_instances(DATA)], ids=["signals", "instances"])
def test_everything_is_inside_and_no_text_of_users_is_markup(result: BacktestResult) -> None:
    # When
    told = report(hostile(result), STRATEGY, dataset=HOSTILE)
    # Then it is well-formed, with one picture inside
    root = ET.fromstring(told.partition("\n")[2])
    pictures = [each.attrib["src"] for each in root.iter("img")]
    assert pictures == [f"data:image/png;base64,{PICTURE.data}"]
    # And nothing in it runs or comes from elsewhere
    tags = {each.tag for each in root.iter()}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form"}
    attributes = {(name, value) for each in root.iter() for name, value in each.attrib.items()}
    assert not [name for name, _ in attributes if name.startswith("on") or name in ("href", "action", "style")]
    style = next(root.iter("style")).text or ""
    assert not re.search(r"url\(|@import", style)
    assert "\u202e" not in told


@pytest.mark.parametrize("trace", FIGURES.values(), ids=FIGURES)
def test_the_usual_kinds_of_figures_are_drawn(trace: Json) -> None:
    drawn = draw_plot({"data": [trace], "layout": {}})
    assert "not-drawn" not in drawn
    assert "<svg" in drawn or "<table" in drawn


@pytest.mark.parametrize("data", UNKNOWN)
def test_a_figure_that_is_not_drawn_says_so(data: Json) -> None:
    assert "This figure is not drawn" in draw_plot(data)


def test_a_strategy_that_failed_has_its_reason_in_the_report() -> None:
    failed = msgspec.structs.replace(by_signals(), success=False, error_message=HOSTILE, metrics={}, equity_curve=[])
    root = ET.fromstring(report(failed).partition("\n")[2])
    assert "The strategy failed." in "".join(root.itertext())
