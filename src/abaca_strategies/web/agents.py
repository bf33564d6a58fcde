"""``/agent-runs``: a cell of analysis code, as a job."""

from __future__ import annotations

import msgspec

from abaca.http import Answer, ApiRequest, Items, Waiting
from abaca_strategies.models import PythonAgentResult
from abaca_strategies.registry import RunRecord
from abaca_strategies.requests import PythonAgentRequest
from abaca_strategies.web.bodies import JSON, asked
from abaca_strategies.web.callers import user_of
from abaca_strategies.web.declaring import INVALID, NO_DATA_SET, NO_RUN, NO_SYMBOL, route, strategies_of
from abaca_strategies.web.listing import ListRuns, runs_of
from abaca_strategies.web.running import Dropped, RunView, drop, read, submit

MAX_AGENT_BODY = 8 << 20
"""Bytes: a cell brings data along."""
_EXAMPLE = {"code": "df = get_bar_data('1d', columns=['close'])\ndf.groupby('ticker')['close'].last().to_dict()"}


@route(
    "POST",
    "/agent-runs",
    status=202,
    max_body=MAX_AGENT_BODY,
    takes={JSON: PythonAgentRequest},
    errors=(NO_DATA_SET, NO_SYMBOL, INVALID),
    examples={"body": _EXAMPLE},
)
async def post_agent_run(request: ApiRequest, query: Waiting) -> Answer[RunView[PythonAgentResult]]:
    """Run a cell of analysis code in the sandbox: 202, or with ``wait`` 200 once it has ended in time.

    Its result has the value of the last expression, what was printed, and the plots. ``executionID`` is the job's id.
    """
    body = await asked(request, PythonAgentRequest, most=MAX_AGENT_BODY)
    return await request.once(await request.body(), lambda: _submitted(request, body, query.wait))


async def _submitted(request: ApiRequest, body: PythonAgentRequest, wait: float) -> Answer[RunView[PythonAgentResult]]:
    service = strategies_of(request)
    await service.datasets.accept(body.dataset, body.symbols, end=body.as_of)
    wanted = msgspec.structs.replace(body, user_id=user_of(request.caller, body.user_id))
    return await submit(request, service.python_agent, wanted, wait)


@route("GET", "/agent-runs", errors=(INVALID,))
async def list_agent_runs(request: ApiRequest, query: ListRuns) -> Items[RunRecord]:
    """List cells that have ended, the latest first."""
    return await runs_of(request, "python_agent", query)


@route("GET", "/agent-runs/{id}", errors=(NO_RUN,))
async def get_agent_run(request: ApiRequest, id: str, query: Waiting) -> RunView[PythonAgentResult]:
    """Read a cell with all that it left, by the id of its job; with ``wait``, as soon as it has ended."""
    return await read(request, id, strategies_of(request).python_agent, query.wait)


@route("DELETE", "/agent-runs/{id}", errors=(NO_RUN,))
async def delete_agent_run(request: ApiRequest, id: str) -> Dropped:
    """Cancel a cell that has not ended; forget one that has, with its result."""
    return await drop(request, id, strategies_of(request).python_agent)


ENDPOINTS = (post_agent_run, list_agent_runs, get_agent_run, delete_agent_run)
