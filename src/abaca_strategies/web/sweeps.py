"""``/sweeps``: many points of one strategy as one workflow, seen while they are tried; and the check for look-ahead."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from abaca import Job
from abaca.http import Answer, ApiRequest, Items, Waiting
from abaca_strategies.errors import RunNotFound
from abaca_strategies.flowmodels import CheckResult, SweepView
from abaca_strategies.models import Strategy
from abaca_strategies.registry import RunRecord
from abaca_strategies.requests import CheckRequest, SweepRequest
from abaca_strategies.web.backtests import SUBMITTING
from abaca_strategies.web.bodies import JSON, MAX_BODY, asked, without
from abaca_strategies.web.callers import strategy_for, strategy_id, user_of
from abaca_strategies.web.declaring import INVALID, NO_RUN, NO_SWEEP, route, strategies_of
from abaca_strategies.web.listing import ListRuns, runs_of
from abaca_strategies.web.running import Dropped, RunView, found_job, read, submit

_GRID = {"grid": {"fast": [5, 10, 20], "slow": [50, 100]}, "constraints": ["fast < slow"], "objective": "sharpe"}


@route(
    "POST",
    "/strategies/{id}/sweeps",
    status=202,
    tag="sweeps",
    max_body=MAX_BODY,
    takes={JSON: without(SweepRequest, "strategy_id")},
    errors=SUBMITTING,
    examples={"body": _GRID},
)
async def post_sweep(request: ApiRequest, id: str, query: Waiting) -> Answer[SweepView]:
    """Try many points of a strategy: 202, or with ``wait`` 200 once all were tried in time.

    Points are those of a ``grid``, drawn at ``random``, or a list; exactly one of the three. Version and data are
    settled now. ``id`` is that of the workflow, and of the job that ends it.
    """
    body = await asked(request, SweepRequest, strategy_id(id))
    return await request.once(await request.body(), lambda: _started(request, body, query.wait))


async def _started(request: ApiRequest, body: SweepRequest, wait: float) -> Answer[SweepView]:
    service = strategies_of(request)
    strategy = await _accepted(request, body)
    handle = await service.sweeps.start(
        msgspec.structs.replace(body, version=strategy.version, user_id=user_of(request.caller, body.user_id)),
        id=request.new_id(0),
        owner=request.caller.owner,
        tags=(f"strategy:{strategy.strategy_id}",),
    )
    await request.ended(await request.job(handle.id), wait)
    view = await service.sweeps.view(handle.id)
    status = 200 if view.result is not None else 202
    return Answer(status=status, body=view, headers={"Location": request.url(f"/jobs/{handle.id}")})


@route("GET", "/sweeps", errors=(INVALID,))
async def list_sweeps(request: ApiRequest, query: ListRuns) -> Items[RunRecord]:
    """List sweeps that have ended, the latest first, with the figures of their best points."""
    return await runs_of(request, "sweep", query)


@route("GET", "/sweeps/{id}", errors=(NO_SWEEP, NO_RUN))
async def get_sweep(request: ApiRequest, id: str, query: Waiting) -> SweepView:
    """Read what a sweep has found so far: how many points were tried, the best of them, the heat map. Once it has
    ended ``result`` has the walk forward too, and how likely the best is luck; with ``wait``, as soon as it has."""
    job = await _job(request, id)
    await request.ended(job, query.wait)
    return await strategies_of(request).sweeps.view(job.id)


@route("DELETE", "/sweeps/{id}", errors=(NO_SWEEP, NO_RUN))
async def delete_sweep(request: ApiRequest, id: str) -> Dropped:
    """Cancel a sweep that has not ended: what is being tried stops, and no other point is. Forget one that has."""
    service = strategies_of(request)
    job = await _job(request, id)
    handle = service.sweeps.handle(job.id)
    if not job.state.ended and await handle.cancel():
        return Dropped(job_id=job.id, cancelled=True)
    await handle.final.forget()
    with suppress(RunNotFound):
        await service.runs.delete(job.id)
    return Dropped(job_id=job.id, cancelled=False)


@route(
    "POST",
    "/strategies/{id}/lookahead-check",
    status=202,
    tag="checks",
    max_body=MAX_BODY,
    takes={JSON: without(CheckRequest, "strategy_id")},
    errors=SUBMITTING,
    examples={"body": {"symbols": ["SYN01"], "cuts": 8}},
)
async def post_check(request: ApiRequest, id: str, query: Waiting) -> Answer[RunView[CheckResult]]:
    """Check whether a strategy looks ahead, by running it on data that were cut, and whether it decides before it has
    seen enough: 202, or with ``wait`` 200 once it has ended in time."""
    body = await asked(request, CheckRequest, strategy_id(id))
    return await request.once(await request.body(), lambda: _checked(request, body, query.wait))


async def _checked(request: ApiRequest, body: CheckRequest, wait: float) -> Answer[RunView[CheckResult]]:
    strategy = await _accepted(request, body)
    wanted = msgspec.structs.replace(body, version=strategy.version, user_id=user_of(request.caller, body.user_id))
    return await submit(request, strategies_of(request).check, wanted, wait, f"strategy:{strategy.strategy_id}")


@route("GET", "/checks/{id}", errors=(NO_RUN,))
async def get_check(request: ApiRequest, id: str, query: Waiting) -> RunView[CheckResult]:
    """Read a check by the id of its job; with ``wait``, as soon as it has ended."""
    return await read(request, id, strategies_of(request).check, query.wait)


async def _accepted(request: ApiRequest, body: SweepRequest | CheckRequest) -> Strategy:
    """The version that is meant, by a request whose data are there as well."""
    strategy = await strategy_for(request, str(body.strategy_id), body.version)
    await strategies_of(request).datasets.accept(
        body.dataset, body.symbols, start=body.start_date, end=body.end_date, timeframe=body.timeframe
    )
    return strategy


async def _job(request: ApiRequest, id: str) -> Job:
    job = await found_job(request, id)
    await strategies_of(request).sweeps.get(job.id)
    return job


ENDPOINTS = (post_sweep, list_sweeps, get_sweep, delete_sweep, post_check, get_check)
