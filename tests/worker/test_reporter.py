"""The reporter at the end of a worker."""

from __future__ import annotations

import asyncio
from typing import Any

from abaca.backends.memory import MemoryBackend
from abaca.codec import new_id
from abaca.model import Job, Kind, NewJob, State
from abaca.worker.reporter import Reporter
from abaca.worker.runs import Run


async def test_a_reporter_that_is_closed_begins_nothing_that_the_end_would_cut_off() -> None:
    # Given a report that waits for its turn
    reporter = Reporter(MemoryBackend())
    job = Job(spec=NewJob(id=new_id(), task="t", lane="async"), state=State.RUNNING, epoch=1)
    reporter.report(Run(job, 0.0), Kind.LOG, b"{}")
    await asyncio.sleep(0)
    begun: list[object] = []

    def make(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        begun.append(work)
        return asyncio.Task(work, loop=loop, **options)

    reporter.loop.set_task_factory(make)
    # When the worker ends, and another report comes from a thread at the last moment
    reporter.close()
    reporter.report(Run(job, 0.0), Kind.LOG, b"{}")
    await asyncio.sleep(0.15)  # sleeps: longer than reports are gathered for
    # Then nothing was begun
    assert begun == []
