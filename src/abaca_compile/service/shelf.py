"""The cache: which job stands for which content.

A record per content names the job that compiles it, and the run of that job by its fence. While that run goes on, equal
jobs wait for it; when the job has completed, its result is the answer. So an answer is stored once, by the write that
ends its job, and a run that vanished stands for nothing: its job runs at another fence, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from abaca import App, Ctx, Job, Record, Status, Verdict
from abaca_compile.model import Built, Result
from abaca_compile.model.base import Value

LEAD = "compile_lead"
"""The kind of these records."""
_PAGE = 500


class _Lead(Value, frozen=True, kw_only=True):
    job: str
    fence: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Lead).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is known of one content. ``version`` is that of its record, 0 where there is none; ``is_running``: a run
    compiles it now."""

    version: int = 0
    is_running: bool = False
    answer: Built | None = None
    answered_at: int = 0
    """Microseconds since the epoch, by the store's clock."""


class Shelf:
    """``keep``: seconds for which an answer may be used; 0 keeps none. ``results`` reads stored results."""

    def __init__(self, app: App, keep: float, results: Any) -> None:
        self._app = app
        self._keep = keep
        self._results = results

    async def look(self, key: str, mine: str = "") -> Held:
        """``mine`` is the id of the job that asks: a run of its own does not go on beside it."""
        (record,) = await self._app.records.read(LEAD, [key])
        if record is None or record.data is None:
            return Held()
        lead = _decode(record.data)
        job = None if lead.job == mine else await self._job(lead.job)
        if job is None:
            return Held(version=record.version)
        if job.status is Status.RUNNING:
            return Held(version=record.version, is_running=job.epoch == lead.fence)
        answer = await self._answer(job)
        return Held(version=record.version, answer=answer, answered_at=job.ended_at or 0)

    async def is_answered(self, key: str) -> bool:
        """Whether a completed job stands for the content; its answer is not read."""
        (record,) = await self._app.records.read(LEAD, [key])
        if record is None or record.data is None:
            return False
        job = await self._job(_decode(record.data).job)
        return job is not None and job.status is Status.COMPLETED

    async def take(self, key: str, version: int, ctx: Ctx) -> bool:
        """Whether this run stands for the content from now on: only if nobody was faster."""
        if not self._keep:
            return True
        lead = _encode(_Lead(job=ctx.job_id, fence=ctx.fence))
        record = Record(kind=LEAD, id=key, data=lead, version=version, expires_ms=round(self._keep * 1000))
        return await self._app.records.put([record]) == [Verdict.APPLIED] or await self._is_ours(key, ctx)

    async def size(self) -> int:
        """How many contents are known. Reads every record."""
        count, after = 0, ""
        while page := await self._app.records.scan(LEAD, after, _PAGE):
            count += len(page)
            after = page[-1].id
        return count

    async def clear(self) -> int:
        """Forget all of them; answers how many. The jobs stay, with their results."""
        gone, after = 0, ""
        while page := await self._app.records.scan(LEAD, after, _PAGE):
            after = page[-1].id
            verdicts = await self._app.records.put([msgspec.structs.replace(record, data=None) for record in page])
            gone += verdicts.count(Verdict.APPLIED)
        return gone

    async def _is_ours(self, key: str, ctx: Ctx) -> bool:
        """A put whose reply was lost may have been answered as stale."""
        (record,) = await self._app.records.read(LEAD, [key])
        return record is not None and record.data == _encode(_Lead(job=ctx.job_id, fence=ctx.fence))

    async def _job(self, id: str) -> Job | None:
        (job,) = await self._app.client().ask(partial(_get, id))
        return job

    async def _answer(self, job: Job) -> Built | None:
        if job.status is not Status.COMPLETED or job.result is None:
            return None
        whole = await self._app.blobs.whole(job)
        built: Built = self._results.decode(whole.result)
        return built if is_final(built.result) else None


def is_final(result: Result) -> bool:
    """Whether it may answer others: a limit that was met, and what was cut off, depend on the load."""
    cut = result.truncated.stdout or result.truncated.stderr
    return result.outcome is not None and result.outcome.is_answer and not cut


async def _get(id: str, backend: Any) -> list[Job | None]:
    found: list[Job | None] = await backend.get([id])
    return found
