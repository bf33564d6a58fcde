"""One back-test: how far it is while it runs, then all of its result, with its pictures and figures as files."""

from __future__ import annotations

from typing import Any

import msgspec

from abaca.http import ApiError, Code, Desk, Reply
from abaca_strategies.errors import StrategiesError
from abaca_strategies.models import BacktestResult, Strategy
from abaca_strategies.requests import BacktestRequest
from abaca_strategies.web.callers import strategy_for
from abaca_strategies.web.drawing.markup import Html, el, joined
from abaca_strategies.web.pages.declaring import place_of, service_of, shown
from abaca_strategies.web.report import report
from abaca_strategies.web.report.parts import Shown, failure, png_of, sections, tiles, warnings
from abaca_strategies.web.running import read, result_of

PAGE = 200
_LOCKED = (
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"private, max-age=3600"),
)


@shown("/strategies/backtests/{job}")
async def show_backtest(desk: Desk, job: str) -> Reply:
    service: Any = service_of(desk)
    view = await read(desk.api, job, service.backtest)
    result = view.result
    strategy = None if result is None else await _strategy(desk, result)
    parts = None
    if result is not None:
        parts = joined(failure(result), warnings(result), tiles(result), sections(result, _shown(desk, job)))
    return desk.page(
        "strategies/backtest.html",
        here="strategies",
        view=view,
        result=result,
        strategy=strategy,
        parts=parts,
        stream=desk.api.url(f"/jobs/{job}/events") if view.ended_at is None else "",
    )


async def _strategy(desk: Desk, result: BacktestResult) -> Strategy | None:
    try:
        return await strategy_for(desk.api, str(result.strategy_id), result.version)
    except StrategiesError:
        return None  # it was deleted since


def _shown(desk: Desk, job: str) -> Shown:
    base = f"/strategies/backtests/{job}"
    trades, instances = place_of(desk, "trades"), place_of(desk, "instances")

    def more(what: str, total: int, part: slice) -> Html | None:
        links = []
        for word, start in (("Earlier", part.start - PAGE), ("Later", part.start + PAGE)):
            if 0 <= start < total:
                places = {"trades": trades, "instances": instances, what: start}
                links.append(el("a", word, href=f"{desk.url(base, places)}#{what}", class_="button small"))
        told = f"{part.start + 1:,} to {min(part.stop, total):,} of {total:,}"
        return el("div", el("span", told, class_="quiet"), *links, class_="more acts") if links else None

    return Shown(
        trades=slice(trades, trades + PAGE),
        instances=slice(instances, instances + PAGE),
        picture=lambda at, image: None if png_of(image) is None else desk.url(f"{base}/images/{at}"),
        json=lambda at: desk.url(f"{base}/figures/{at}"),
        more=more,
    )


async def _result(desk: Desk, job: str) -> BacktestResult:
    service: Any = service_of(desk)
    result: BacktestResult = await result_of(desk.api, job, service.backtest)
    return result


@shown("/strategies/backtests/{job}/images/{at}")
async def image(desk: Desk, job: str, at: str) -> Reply:
    images = (await _result(desk, job)).response_images or []
    data = png_of(images[int(at)]) if at.isascii() and at.isdecimal() and int(at[:6]) < len(images) else None
    if data is None:
        raise ApiError(404, Code.NOT_FOUND, f"there is no picture {at[:20]} of run {job}")
    return _file(data, b"image/png")


@shown("/strategies/backtests/{job}/figures/{at}")
async def figure(desk: Desk, job: str, at: str) -> Reply:
    plots = (await _result(desk, job)).strategy_plots or []
    if not (at.isascii() and at.isdecimal() and int(at[:6]) < len(plots)):
        raise ApiError(404, Code.NOT_FOUND, f"there is no figure {at[:20]} of run {job}")
    return _file(msgspec.json.encode(plots[int(at)].data), b"application/json", f"figure-{int(at) + 1}.json")


@shown("/strategies/backtests/{job}/report")
async def report_file(desk: Desk, job: str) -> Reply:
    result = await _result(desk, job)
    asked = await _asked(desk, job)
    words = report(result, await _strategy(desk, result), dataset=None if asked is None else asked.dataset)
    name = f"backtest-{result.strategy_id}-v{result.version}.html"
    return _file(words.encode("utf-8", "backslashreplace"), b"text/html; charset=utf-8", name)


async def _asked(desk: Desk, job: str) -> BacktestRequest | None:
    try:
        run = await service_of(desk).runs.get(job)
        return msgspec.convert(run.request, BacktestRequest)
    except (StrategiesError, msgspec.ValidationError):
        return None


def _file(data: bytes, kind: bytes, name: str = "") -> Reply:
    """A file that no browser takes for a page of the dashboard."""
    headers = [*_LOCKED, (b"content-type", kind), (b"content-length", str(len(data)).encode())]
    if name:
        headers.append((b"content-disposition", f'attachment; filename="{name}"'.encode()))
    return Reply(200, data, headers)


HANDLERS = (show_backtest, image, figure, report_file)
