"""What the tasks that run code have in common: a turn in the sandbox, the time that is left, progress, the record."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from abaca import Ctx, Snooze
from abaca_strategies.registry import RunKind, RunRecord
from abaca_strategies.registry.runs import ended
from abaca_strategies.running.runner import Busy, Runner
from abaca_strategies.running.work import Failure, Progress
from abaca_strategies.tasks.service import Service

PATIENCE = 20.0
"""Seconds that a run waits for a slot before its job goes back to its queue, uncharged."""
MARGIN = 10.0
"""Seconds that a run keeps for what comes after the code."""
LEAST = 1.0


@asynccontextmanager
async def turn(service: Service) -> AsyncIterator[Runner]:
    """The runner, with a slot that is free. Otherwise the job waits in its queue, where its time does not run."""
    runner = service.runner()
    await runner.open()
    try:
        async with runner.turn(PATIENCE):
            yield runner
    except Busy:
        raise Snooze(random.uniform(0.5, 3.0)) from None


def seconds_left(ctx: Ctx, most: float) -> float:
    """How long code may run, so that its end is still told within the run's time."""
    if ctx.deadline is None:
        return most
    return max(LEAST, min(most, (ctx.deadline - datetime.now(UTC)).total_seconds() - MARGIN))


def teller(ctx: Ctx) -> Callable[[Progress], None]:
    def tell(told: Progress) -> None:
        ctx.progress(told.done, told.total or None, stage=told.stage, message=told.message or None)

    return tell


def told(failure: Failure) -> str:
    """A failure as the source system's one text: what was met, and for the author where."""
    words = failure.message if failure.reason == "error" else f"{failure.reason}: {failure.message}"
    lines = [f"  line {one.line} in {one.function}: {one.text}" for one in failure.frames]
    return "\n".join([words, *lines])


async def keep_run(
    service: Service, ctx: Ctx, kind: RunKind, started_at: str, record: Callable[[RunRecord], RunRecord]
) -> None:
    """Writes down a run that ended. ``record`` fills in what is its own."""
    ended_at, seconds = ended(started_at)
    blank = RunRecord(
        job_id=ctx.job_id, kind=kind, success=False, started_at=started_at, ended_at=ended_at, seconds=seconds
    )
    await service.runs.write(record(blank))
