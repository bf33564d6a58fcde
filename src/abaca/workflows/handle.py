"""Handles of stored workflows and groups, from any process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from abaca.backend import Backend
from abaca.client import Client, Host, no_such_job
from abaca.codec import ResultCodec
from abaca.durations import Duration, parse_duration
from abaca.errors import JobConflict, ResultExpired
from abaca.handle import HasResults, JobHandle, TypedResults
from abaca.jobresult import JobResult, result_of, value_of
from abaca.model import Job, Requeued, State, Status
from abaca.policy.builtin import JOIN
from abaca.policy.join import was_unmet
from abaca.sync import iterate_sync, refuse_running_loop, twin
from abaca.waiting import Waiter
from abaca.workflows.members import Found, all_members, cancel_all, judged_late, requeue_all, to_requeue, walk

R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")
X = TypeVar("X")

PAGE = 200
_MOST_ROUNDS = 50
_LOOK_AGAIN = 0.1


@dataclass(frozen=True, slots=True)
class WorkflowProgress:
    """How far a workflow is: its members, without the built-in job that joins them. ``counts`` has no zeros."""

    total: int
    ended: int
    counts: dict[Status, int]

    @property
    def fraction(self) -> float:
        return self.ended / self.total if self.total else 1.0


class WorkflowHandle(Generic[R_co]):
    """One stored workflow. Its id is that of its final job; making a handle asks the store nothing."""

    __slots__ = ("_host", "_source", "id")

    def __init__(self, host: Host, id: str, source: HasResults) -> None:
        self.id = id
        self._host = host
        self._source = source

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    @property
    def final(self) -> JobHandle[R_co]:
        """The job in which it ends: the last of a chain, the one that a group leads to, or a built-in one."""
        return JobHandle(self._host, self.id, self._source)

    async def result(self, timeout: Duration | None = None) -> R_co:
        """The final job's result, as soon as it has ended. Raises what ``JobHandle.result`` raises: ``JobCancelled``
        where a member on the way did not complete, ``JobFailed`` where the final job failed."""
        return await self.final.result(timeout)

    async def outcome(self, timeout: Duration | None = None) -> JobResult[R_co]:
        """How the final job ended, as soon as it has. Raises ``ResultTimeout`` and ``JobNotFound``."""
        return await self.final.outcome(timeout)

    async def status(self) -> Status:
        """``running`` while members are to end before the final job; ``failed`` also when the final job was cancelled
        because of its members; else the final job's status. Raises ``JobNotFound``."""
        job = await self._client().read(self.id)
        if job.state is State.WAITING and job.open_parents:
            return Status.RUNNING
        return Status.FAILED if was_unmet(job) else job.status

    async def progress(self) -> WorkflowProgress:
        """Reads every member that is still kept: one round trip for a thousand. Raises ``JobNotFound``."""
        counts: dict[Status, int] = {}
        ended = total = 0
        async for job in self.members():
            counts[job.status] = counts.get(job.status, 0) + 1
            ended += job.state.ended
            total += 1
        return WorkflowProgress(total=total, ended=ended, counts=counts)

    async def members(self) -> AsyncIterator[Job]:
        """The stored jobs of its members, the last ones first, read page by page. Raises ``JobNotFound``."""
        async for jobs in walk(self._client(), self.id):
            for job in jobs:
                if job.spec.task != JOIN:
                    yield job

    async def cancel(self) -> bool:
        """Cancel every member that has not ended, the last ones first. ``False`` when all had ended already.

        Raises ``JobNotFound``.
        """
        client = self._client()
        return await cancel_all(client, await all_members(client, self.id)) > 0

    async def requeue(self) -> int:
        """Run again what failed or was cancelled, and every member behind it that has ended. Answers how many.

        Members that completed before keep their results. Raises ``JobNotFound``, and ``JobConflict`` when there is
        nothing to run again.
        """
        client = self._client()
        found = await self._settled(client)
        again = to_requeue(found)
        open_before = {member.id for member in found if not member.state.ended}
        requeued = await self._requeued(client, again)
        while requeued and open_before:
            late = judged_late(await self._settled(client), open_before, requeued)
            if not late:
                break
            open_before -= {member.id for member in late}
            requeued |= await self._requeued(client, late)
        if not requeued:
            raise JobConflict(self.id, f"workflow {self.id}: no member has failed or was cancelled")
        return len(requeued)

    async def _settled(self, client: Client) -> list[Found]:
        """All members, once none of them is about to be ended because of its parents; after a while, as they are."""
        found = await all_members(client, self.id)
        for _ in range(_MOST_ROUNDS):
            if not any(member.ending for member in found):
                break
            await asyncio.sleep(_LOOK_AGAIN)
            found = await all_members(client, self.id)
        return found

    async def _requeued(self, client: Client, members: Sequence[Found]) -> set[str]:
        answers = await requeue_all(client, members)
        if Requeued.UNKNOWN in answers:
            raise no_such_job(members[answers.index(Requeued.UNKNOWN)].id)
        return {member.id for member, answer in zip(members, answers, strict=True) if answer is Requeued.REQUEUED}

    def typed(self, type: type[T]) -> WorkflowHandle[T]:
        """The same workflow with a result of this type. Raises ``TypeError`` when the type can have no JSON form."""
        return WorkflowHandle(self._host, self.id, TypedResults[T](type))

    result_sync = twin(result)
    outcome_sync = twin(outcome)
    status_sync = twin(status)
    progress_sync = twin(progress)
    cancel_sync = twin(cancel)
    requeue_sync = twin(requeue)

    def members_sync(self) -> Iterator[Job]:
        """The same as ``members``, for callers without an event loop."""
        name = f"{type(self).__name__}.members_sync"
        refuse_running_loop(name)
        return iterate_sync(self.members(), name)

    def _client(self) -> Client:
        return self._host.client()


class GroupHandle(WorkflowHandle[None], Generic[T]):
    """One stored group. ``sources`` say how the results of its members are read, where they differ."""

    __slots__ = ("_sources", "_values")

    def __init__(self, host: Host, id: str, source: HasResults, sources: Sequence[HasResults] | None = None) -> None:
        super().__init__(host, id, TypedResults[None](None))
        self._values = source
        self._sources = sources

    async def results(self, start: int = 0) -> AsyncIterator[JobResult[T]]:
        """How each member ended, in the order of the calls, from number ``start`` on; waits for each.

        Raises ``JobNotFound``, and ``ResultExpired`` when the group is no longer kept.
        """
        ids = await self._ids()
        for first in range(start, len(ids), PAGE):
            async for number, job in self._ended(ids[first : first + PAGE], first):
                yield result_of(await self._client().blobs.whole(job), self._codec(number))

    async def page(self, start: int = 0, limit: int = PAGE) -> list[JobResult[T] | None]:
        """How the members from number ``start`` on ended, at most ``limit``; ``None`` for one that has not, or that is
        gone. Never waits. Raises what ``results`` raises."""
        ids = (await self._ids())[start : start + limit]
        found: list[Job | None] = []
        for first in range(0, len(ids), PAGE):
            found += await self._client().ask(partial(_get, ids[first : first + PAGE]))
        whole = self._client().blobs.whole
        return [
            result_of(await whole(job), self._codec(number)) if job is not None and job.state.ended else None
            for number, job in enumerate(found, start)
        ]

    async def values(self, timeout: Duration | None = None) -> list[T]:
        """The results of all members, in the order of the calls, as soon as the group has ended.

        Raises what ``JobHandle.result`` raises, for the first member that has none, and ``ResultTimeout``.
        """
        seconds = None if timeout is None else parse_duration(timeout, "timeout") / 1000
        job = await self._client().ended(self.id, seconds, needs_value=False)
        values: list[T] = []
        ids = self._ids_of(job)
        for first in range(0, len(ids), PAGE):
            part = ids[first : first + PAGE]
            jobs = await self._client().ask(partial(_get, part))
            for number, (id, member) in enumerate(zip(part, jobs, strict=True), first):
                if member is None:
                    raise no_such_job(id)
                values.append(value_of(await self._client().blobs.whole(member), self._codec(number)))
        return values

    async def retry_failed(self) -> int:
        """The same as ``requeue``: the members that failed or were cancelled run again."""
        return await self.requeue()

    def of(self, type: type[X]) -> GroupHandle[X]:
        """The same group with results of this type. Raises ``TypeError`` when the type can have no JSON form."""
        return GroupHandle(self._host, self.id, TypedResults[X](type))

    page_sync = twin(page)
    values_sync = twin(values)
    retry_failed_sync = twin(retry_failed)

    def results_sync(self, start: int = 0) -> Iterator[JobResult[T]]:
        """The same as ``results``, for callers without an event loop."""
        name = "GroupHandle.results_sync"
        refuse_running_loop(name)
        return iterate_sync(self.results(start), name)

    def _codec(self, number: int) -> ResultCodec[Any]:
        return (self._values if self._sources is None else self._sources[number]).results

    async def _ids(self) -> list[str]:
        return self._ids_of(await self._client().read(self.id))

    def _ids_of(self, final: Job) -> list[str]:
        if final.purged:
            raise ResultExpired(self.id, f"group {self.id} has ended, and is no longer kept")
        return list(final.spec.parents)

    async def _ended(self, ids: Sequence[str], first: int) -> AsyncIterator[tuple[int, Job]]:
        """The ended jobs of a page in order. All that have not ended are waited for at once."""
        client = self._client()
        jobs = await client.ask(partial(_get, ids))
        waiters: dict[str, Waiter] = {
            id: client.waiting.add(id)
            for id, job in zip(ids, jobs, strict=True)
            if job is not None and not job.state.ended
        }
        try:
            for number, (id, job) in enumerate(zip(ids, jobs, strict=True), first):
                ended = job if id not in waiters else await waiters[id].future
                if ended is None:
                    raise no_such_job(id)
                yield number, ended
        finally:
            for waiter in waiters.values():
                client.waiting.discard(waiter)


async def _get(ids: Sequence[str], backend: Backend) -> list[Job | None]:
    return await backend.get(ids)
