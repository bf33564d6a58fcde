"""``/screens``: what one or many strategies say of each ticker, ranked, as a job."""

from __future__ import annotations

import msgspec

from abaca.http import Answer, ApiRequest, Items, Waiting
from abaca_strategies.models import ScreeningResult
from abaca_strategies.registry import RunRecord
from abaca_strategies.requests import ScreeningRequest
from abaca_strategies.web.bodies import JSON, MAX_BODY, asked
from abaca_strategies.web.callers import strategy_for, user_of
from abaca_strategies.web.declaring import INVALID, NO_DATA_SET, NO_RUN, NO_STRATEGY, NO_SYMBOL, route, strategies_of
from abaca_strategies.web.listing import ListRuns, runs_of
from abaca_strategies.web.running import Dropped, RunView, drop, read, submit


@route(
    "POST",
    "/screens",
    status=202,
    max_body=MAX_BODY,
    takes={JSON: ScreeningRequest},
    errors=(NO_STRATEGY, NO_DATA_SET, NO_SYMBOL, INVALID),
    examples={"body": {"strategy_ids": [1, 2], "limit": 10, "filters": {"sector": "energy"}}},
)
async def post_screen(request: ApiRequest, query: Waiting) -> Answer[RunView[ScreeningResult]]:
    """Rank tickers by what strategies say of them now: 202, or with ``wait`` 200 once it has ended in time."""
    body = await asked(request, ScreeningRequest)
    return await request.once(await request.body(), lambda: _submitted(request, body, query.wait))


async def _submitted(request: ApiRequest, body: ScreeningRequest, wait: float) -> Answer[RunView[ScreeningResult]]:
    service = strategies_of(request)
    for id in body.strategy_ids:
        await strategy_for(request, str(id))
    await service.datasets.accept(body.dataset, body.universe, end=body.as_of, timeframe=body.timeframe)
    wanted = msgspec.structs.replace(body, user_id=user_of(request.caller, body.user_id))
    return await submit(request, service.screening, wanted, wait)


@route("GET", "/screens", errors=(INVALID,))
async def list_screens(request: ApiRequest, query: ListRuns) -> Items[RunRecord]:
    """List screenings that have ended, the latest first."""
    return await runs_of(request, "screening", query)


@route("GET", "/screens/{id}", errors=(NO_RUN,))
async def get_screen(request: ApiRequest, id: str, query: Waiting) -> RunView[ScreeningResult]:
    """Read a screening by the id of its job; with ``wait``, as soon as it has ended."""
    return await read(request, id, strategies_of(request).screening, query.wait)


@route("DELETE", "/screens/{id}", errors=(NO_RUN,))
async def delete_screen(request: ApiRequest, id: str) -> Dropped:
    """Cancel a screening that has not ended; forget one that has, with its result."""
    return await drop(request, id, strategies_of(request).screening)


ENDPOINTS = (post_screen, list_screens, get_screen, delete_screen)
