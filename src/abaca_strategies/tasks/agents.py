"""``strategies.python_agent``: a cell of analysis code."""

from __future__ import annotations

import msgspec

from abaca import BatchCtx, Ctx, Retry, Task
from abaca_strategies.errors import NotFound
from abaca_strategies.models import PythonAgentResult
from abaca_strategies.registry import DataFile, RunRecord
from abaca_strategies.registry.recording import now_text
from abaca_strategies.requests import PythonAgentRequest
from abaca_strategies.running.answers import Ran
from abaca_strategies.running.work import Cell, CellValue
from abaca_strategies.settings import value
from abaca_strategies.tasks.service import QUEUE, Service
from abaca_strategies.tasks.turns import keep_run, seconds_left, teller, told, turn

NAME = "strategies.python_agent"
RETRY = Retry(max_attempts=4)


def declare_agents(service: Service) -> Task[[PythonAgentRequest], PythonAgentResult]:
    """8 minutes, 3 retries; the cell itself has ``strategies.cell_wall``. A cell that fails is a finished job with
    ``success: false``."""

    @service.app.task(
        name=NAME,
        queue=QUEUE,
        timeout="8m",
        retry=RETRY,
        batch=1,
        parallel=value(service.app, "strategies.slots"),
        max_payload=8 << 20,
        keep=value(service.app, "strategies.keep"),
    )
    async def python_agent(ctx: BatchCtx, requests: list[PythonAgentRequest]) -> list[PythonAgentResult]:
        return [await _run(service, one, each) for one, each in zip(ctx.jobs, requests, strict=True)]

    return python_agent


async def _run(service: Service, ctx: Ctx, request: PythonAgentRequest) -> PythonAgentResult:
    started_at = now_text()
    file: DataFile | None = None
    try:
        file = await service.datasets.open(request.dataset, request.symbols)
    except NotFound as error:
        result = PythonAgentResult(success=False, result=[], execution_id=ctx.job_id, error=str(error))
    else:
        work = Cell(code=request.code, data=request.data, symbols=request.symbols, end=request.as_of)
        async with turn(service) as runner:
            left = seconds_left(ctx, value(service.app, "strategies.cell_wall"))
            ran = await runner.cell(work, file.packed, teller(ctx), seconds=left)
        result = _result(ran, ctx.job_id)

    def record(blank: RunRecord) -> RunRecord:
        return msgspec.structs.replace(
            blank,
            user_id=request.user_id,
            dataset=request.dataset if file is None else file.name,
            data_hash=None if file is None else file.digest,
            request=msgspec.to_builtins(request),
            success=result.success,
            error=result.error,
        )

    await keep_run(service, ctx, "python_agent", started_at, record)
    return result


def _result(ran: Ran[CellValue], execution_id: str) -> PythonAgentResult:
    prints = "\n".join([ran.prints, *(f"[{words}]" for words in ran.warnings)]) if ran.warnings else ran.prints
    return PythonAgentResult(
        success=ran.value is not None,
        result=[] if ran.value is None else ran.value.result,
        prints=prints,
        plots=ran.plots,
        response_images=ran.images,
        execution_id=execution_id,
        error=None if ran.failure is None else told(ran.failure),
    )
