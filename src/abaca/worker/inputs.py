"""What a job needs before it starts and has not in its record: large arguments, the results of its parents as
arguments, or for a join how they ended."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from functools import partial

import msgspec

from abaca.backend import Backend
from abaca.codec import NotHere, is_reference, read_reference, unpack
from abaca.errors import ConfigError, PlaceUnavailable
from abaca.logs import worker_log
from abaca.model import After, ErrorInfo, Job, State, When
from abaca.places import Blobs
from abaca.policy.builtin import JOIN
from abaca.policy.join import NOTHING, Tally
from abaca.policy.outcome import Aborted, Outcome, Snoozed
from abaca.policy.pages import Pages
from abaca.worker.away import PUT_OFF_MS, fetched
from abaca.worker.outcomes import undecodable
from abaca.worker.patience import patiently

MOST_BYTES = 64 << 20
"""How many bytes of JSON the arguments of one job may take with the results of its parents in them."""
_FEW = 16
_MANY_AT_ONCE = 2
"""Of jobs with more than ``_FEW`` parents so many get their results at the same time: they may be large."""
_REQUEUED_MS = 1_000
"""When a job is looked at again of which a parent was requeued after its own claim."""

_raw_arguments = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def takes_results(job: Job) -> bool:
    """Whether the job's parents must be read before it starts. Jobs without parents are not asked."""
    return job.spec.task == JOIN or any(edges.into is not None for edges in job.spec.after)


class _Unusable(Exception):
    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class Inputs:
    """Reads parents in batches of bounded size. While the store is away it asks again; the lease is kept meanwhile."""

    def __init__(self, backend: Backend, blobs: Blobs) -> None:
        self._backend = backend
        self._blobs = blobs
        self._large = asyncio.Semaphore(_MANY_AT_ONCE)

    async def of(self, job: Job) -> Job | Outcome:
        """The job with all its arguments, its parents' results among them, or how it ends instead."""
        if is_reference(job.spec.args):
            whole = await fetched(self._blobs, job)
            if not isinstance(whole, Job):
                return whole
            job = whole
        if not takes_results(job):
            return job
        if len(job.spec.parents) <= _FEW:
            return await self._read(job)
        async with self._large:
            return await self._read(job)

    async def _read(self, job: Job) -> Job | Outcome:
        if job.spec.task == JOIN:
            tally = Tally()
            async for parents in self._parents(job.spec.parents):
                if any(parent is not None and not parent.state.ended for parent in parents):
                    return Snoozed(delay_ms=_REQUEUED_MS)
                tally.add(parents)
            return tally.outcome()
        try:
            return await self._spliced(job)
        except _Unusable as unusable:
            return unusable.outcome

    async def _spliced(self, job: Job) -> Job:
        try:
            arguments = _raw_arguments(unpack(job.spec.args))
        except ValueError as error:
            raise _Unusable(undecodable(error)) from error
        size = 0
        for edges in job.spec.after:
            if edges.into is None:
                continue
            results: list[bytes] = []
            start = 0
            async for parents in self._parents(edges.ids):
                for id, parent in zip(edges.ids[start : start + len(parents)], parents, strict=True):
                    results.append(await self._whole(id, _result(id, parent, edges), MOST_BYTES - size))
                    size += len(results[-1]) + 1
                    if size > MOST_BYTES:
                        raise _Unusable(_too_large(size))
                start += len(parents)
            arguments[edges.into] = msgspec.Raw(b"[" + b",".join(results) + b"]" if edges.many else results[0])
        spec = msgspec.structs.replace(job.spec, args=_encode(arguments))
        return msgspec.structs.replace(job, spec=spec)

    async def _whole(self, id: str, stored: bytes, room: int) -> bytes:
        """The JSON of a stored result, wherever it is, unless there is no room for it."""
        try:
            if is_reference(stored):
                if (length := read_reference(stored).length) > room:
                    raise _Unusable(_too_large(MOST_BYTES - room + length))
                stored = await self._blobs.bring(stored)
            return unpack(stored)
        except (NotHere, ValueError) as error:
            raise _Unusable(_gone(id, f"has a result that cannot be read: {error}")) from error
        except (PlaceUnavailable, ConfigError) as error:
            worker_log().error("the result of a parent cannot be fetched, trying later", job_id=id, error=str(error))
            raise _Unusable(Snoozed(delay_ms=random.randint(*PUT_OFF_MS))) from error

    async def _parents(self, ids: Sequence[str]) -> AsyncIterator[list[Job | None]]:
        """In order."""
        pages = Pages()
        for page in pages.of(ids):
            found = await patiently("results of parents", partial(self._backend.get, page))
            pages.read(found)
            yield found


def _result(id: str, parent: Job | None, edges: After) -> bytes:
    if parent is None:
        if edges.when is When.COMPLETED:
            raise _Unusable(_gone(id, "was deleted"))
        return NOTHING
    if not parent.state.ended:
        raise _Unusable(Snoozed(delay_ms=_REQUEUED_MS))
    if parent.state is not State.COMPLETED:
        return NOTHING
    if parent.result is None:
        raise _Unusable(_gone(id, f"of task {parent.spec.task!r} completed, but its result is no longer kept"))
    return parent.result


def _gone(id: str, what: str) -> Outcome:
    message = f"job {id} {what}; this job takes that result and was not run: requeue job {id}, and then this one"
    return Aborted(error=ErrorInfo(type="abaca.ParentResultGone", message=message))


def _too_large(size: int) -> Outcome:
    message = (
        f"the results of its parents take more than {MOST_BYTES:,} bytes as arguments ({size:,} so far), so it was not "
        "run; let the parents return references to what they make"
    )
    return Aborted(error=ErrorInfo(type="abaca.PayloadTooLarge", message=message))
