"""``/datasets``: market data that are there, their bars page by page, and data that are made."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from abaca.http import Answer, ApiRequest, Items, Scope, opened, sealed
from abaca_strategies.models import Json
from abaca_strategies.registry import BarRow, DataSetView
from abaca_strategies.requests import Day, RunTimeframe, Symbol, SyntheticRequest
from abaca_strategies.web.bodies import JSON, Pages, asked, position
from abaca_strategies.web.declaring import (
    CONFLICT,
    INVALID,
    NO_DATA_SET,
    NO_SYMBOL,
    TOO_LARGE,
    route,
    strategies_of,
)

_EXAMPLE = {"name": "jumpy", "kind": "jumps", "seed": 7, "tickers": 4, "bars": 1000, "timeframe": "1h"}


class Replacing(msgspec.Struct, frozen=True, kw_only=True):
    """``replace``: other data under this name give way, which needs the scope ``admin``."""

    replace: bool = False


class ReadBars(msgspec.Struct, frozen=True, kw_only=True):
    """``ticker``: by default the first. ``timeframe``: bars are made into a longer one, such as ``1w``. ``start`` and
    ``end`` are inclusive. ``limit``: items of one page. ``cursor``: the ``next_cursor`` of the page before."""

    ticker: Symbol | None = None
    timeframe: RunTimeframe | None = None
    start: Day | None = None
    end: Day | None = None
    limit: Annotated[int, Meta(ge=1, le=5_000)] = 500
    cursor: str | None = None


class BarsView(msgspec.Struct, frozen=True, kw_only=True):
    """A page of bars. ``total``: bars in the range."""

    dataset: str
    ticker: str
    timeframe: str | None
    items: list[BarRow]
    total: int
    next_cursor: str | None = None


class TickerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one ticker beside its bars, by name."""

    ticker: str
    facts: Json


@route("GET", "/datasets", errors=(INVALID,))
async def list_datasets(request: ApiRequest, query: Pages) -> Items[DataSetView]:
    """List data sets by name, the one that is built in before all others."""
    page = await strategies_of(request).datasets.list(cursor=opened(query.cursor), limit=query.limit)
    return Items(items=page.items, next_cursor=sealed(page.cursor))


@route("GET", "/datasets/{id}", errors=(NO_DATA_SET,))
async def get_dataset(request: ApiRequest, id: str) -> DataSetView:
    """Read what is known of a data set, by its name: its tickers, its range, its digest, notes of the validation."""
    return await strategies_of(request).datasets.get(id)


@route("GET", "/datasets/{id}/bars", errors=(NO_DATA_SET, NO_SYMBOL, INVALID))
async def dataset_bars(request: ApiRequest, id: str, query: ReadBars) -> BarsView:
    """Read the bars of one ticker page by page."""
    page = await strategies_of(request).datasets.bars(
        id,
        ticker=query.ticker,
        timeframe=query.timeframe,
        start=query.start,
        end=query.end,
        cursor=opened(query.cursor),
        limit=query.limit,
    )
    return BarsView(
        dataset=id,
        ticker=page.ticker,
        timeframe=page.timeframe,
        items=page.items,
        total=page.total,
        next_cursor=sealed(page.cursor),
    )


@route("GET", "/datasets/{id}/facts", errors=(NO_DATA_SET, INVALID))
async def dataset_facts(request: ApiRequest, id: str, query: Pages) -> Items[TickerFacts]:
    """Read what is known of the tickers beside their bars, such as a sector: those of which anything is, in order."""
    found = sorted((await strategies_of(request).datasets.open(id)).facts.items())
    start = position(query.cursor, 0)
    end = start + query.limit
    items = [TickerFacts(ticker=ticker, facts=facts) for ticker, facts in found[start:end]]
    return Items(items=items, next_cursor=sealed(str(end)) if end < len(found) else None)


@route("DELETE", "/datasets/{id}", status=204, errors=(NO_DATA_SET, INVALID))
async def delete_dataset(request: ApiRequest, id: str) -> None:
    """Delete a data set's name, which needs the scope ``admin``, since data sets are everybody's. Its bars stay for as
    long as a kept run has them."""
    request.caller.require(Scope.ADMIN)
    await strategies_of(request).datasets.delete(id)


@route(
    "POST",
    "/datasets/synthetic",
    status=201,
    takes={JSON: SyntheticRequest},
    errors=(CONFLICT, TOO_LARGE, INVALID),
    examples={"body": _EXAMPLE},
)
async def make_dataset(request: ApiRequest, query: Replacing) -> Answer[DataSetView]:
    """Make a synthetic data set from a seed. The same request makes the same data everywhere."""
    body = await asked(request, SyntheticRequest)
    return await request.once(await request.body(), lambda: _made(request, body, query.replace))


@route("GET", "/datasets/synthetic")
async def get_synthetic(request: ApiRequest) -> DataSetView:  # its path is also that of the POST
    """Read what is known of the data set that is built in."""
    return await strategies_of(request).datasets.get("synthetic")


async def _made(request: ApiRequest, body: SyntheticRequest, replace: bool) -> Answer[DataSetView]:
    if replace:
        request.caller.require(Scope.ADMIN)
    return taken(request, await strategies_of(request).datasets.make(body, replace=replace))


def taken(request: ApiRequest, view: DataSetView) -> Answer[DataSetView]:
    return Answer(status=201, body=view, headers={"Location": request.url(f"/datasets/{view.name}")})


ENDPOINTS = (list_datasets, get_dataset, get_synthetic, dataset_bars, dataset_facts, delete_dataset, make_dataset)
