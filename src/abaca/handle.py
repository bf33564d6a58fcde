"""``JobHandle``: one stored job, from any process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from abaca.backend import Backend
from abaca.cancelling import cancel_jobs
from abaca.checks import positive
from abaca.client import Client, Host, no_such_job
from abaca.codec import ResultCodec, unpack
from abaca.durations import Duration, parse_duration
from abaca.errors import JobConflict
from abaca.events import send_event
from abaca.following import follow
from abaca.itemreader import ItemReader
from abaca.jobresult import JobResult, result_of, value_of, why_no_value
from abaca.model import Amended, Cancelled, Change, Job, Progress, Requeued, State, Status, Update
from abaca.policy.history import Slice, read_from, synthesise
from abaca.sync import iterate_sync, refuse_running_loop, twin

R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

PAGE = 200


class HasResults(Protocol):
    """Whoever knows how results and items are read: a task, or a type given by hand."""

    @property
    def results(self) -> ResultCodec[Any]: ...

    @property
    def items(self) -> ResultCodec[Any]: ...


class TypedResults(Generic[T]):
    """Results of a type given by hand. Raises ``TypeError`` when the type can have no JSON form."""

    def __init__(self, type: Any) -> None:
        self.results: ResultCodec[T] = ResultCodec(type, what="this job")
        self.items: ResultCodec[Any] = ResultCodec(Any, what="this job", noun="item")


UNTYPED: TypedResults[Any] = TypedResults(Any)


class JobHandle(Generic[R_co]):
    """One stored job. Making a handle asks the store nothing; every method asks it anew."""

    __slots__ = ("_host", "_source", "id")

    def __init__(self, host: Host, id: str, source: HasResults) -> None:
        self.id = id
        self._host = host
        self._source = source

    def __repr__(self) -> str:
        return f"JobHandle({self.id!r})"

    async def result(self, timeout: Duration | None = None) -> R_co:
        """The handler's result, as soon as the job has ended. ``None`` waits as long as it takes.

        Raises ``JobFailed``, ``JobCancelled``, ``ResultTimeout`` (the job goes on), ``ResultExpired``,
        ``ResultDisabled`` (at once), ``JobNotFound``, and ``ResultError`` when it is not of the declared type; from
        another place also ``ResultLost`` and ``PlaceUnavailable``.
        """
        job = await self._ended(timeout, needs_value=True)
        if not job.state.ended:
            raise why_no_value(job)
        value: R_co = value_of(job, self._source.results)
        return value

    async def stream_result(self, timeout: Duration | None = None) -> AsyncIterator[bytes]:
        """The handler's result as it is stored, piece by piece, so that a large one is never in memory as a whole.

        It is the result's JSON in UTF-8; of a task that returns ``bytes``, those bytes. Waits and raises as ``result``
        does; ``ResultLost`` may come after some pieces, so do not act upon them before the last.
        """
        job = await self._ended(timeout, needs_value=True, whole=False)
        if job.state is not State.COMPLETED or job.result is None:
            raise why_no_value(job)
        async for piece in self._client().blobs.stream(job, as_bytes=self._source.results.holds_bytes):
            yield piece

    async def outcome(self, timeout: Duration | None = None) -> JobResult[R_co]:
        """How the job ended, as soon as it has, whatever the end.

        Raises ``ResultTimeout`` and ``JobNotFound``, and what ``result`` raises for a result that cannot be read.
        """
        return result_of(await self._ended(timeout, needs_value=False), self._source.results)

    async def peek(self) -> JobResult[R_co] | None:
        """How the job ended, or ``None`` while it has not. Never waits for it. Raises ``JobNotFound``."""
        job = await self.info()
        return result_of(await self._client().blobs.whole(job), self._source.results) if job.state.ended else None

    async def status(self) -> Status:
        """Raises ``JobNotFound``."""
        return (await self.info()).status

    async def info(self) -> Job:
        """The whole stored job. Raises ``JobNotFound``."""
        return await self._client().read(self.id)

    async def progress(self) -> Progress | None:
        """What the run last said with ``ctx.progress``; ``None`` when it said nothing yet. Raises ``JobNotFound``."""
        said = (await self.info()).progress
        return None if said is None else msgspec.json.decode(unpack(said), type=Progress)

    async def updates(self, after: int = 0) -> AsyncIterator[Update]:
        """Every update with an id above ``after``, in order, as they come; ends after the terminal one.

        A reader that was away longer than the log is kept gets a ``gap`` with the number it missed. While the store is
        away the reader waits. Raises ``JobNotFound``.
        """

        async def read(backend: Backend) -> tuple[Slice, bool]:
            part = await self._slice(backend, after)
            return part, bool(part.updates)

        async with aclosing(follow(self._client(), self.id, read)) as parts:
            async for part in parts:
                for update in part.updates:
                    after = update.id
                    yield update
                if part.ended:
                    return

    def items(self, after: int = 0) -> AsyncIterator[Any]:
        """What the job yields or emits, in order and each once, as it comes; ends when the job does.

        ``after`` is how many items the reader has had: it goes on with the item of that offset, whenever it comes and
        wherever it was. While the store is away the reader waits. Raises ``JobFailed`` and ``JobCancelled`` after the
        last item of a job that ended so, ``ResultExpired``, ``JobNotFound``, and ``ResultError`` for an item of another
        type than is declared.
        """
        return ItemReader(self._client(), self.id, self._source.items, after).read()

    async def cancel(self) -> bool:
        """Cancel the job: one that waits ends at once, one that runs is told within a heartbeat.

        ``False`` when it had ended already. Raises ``JobNotFound``.
        """
        answer = (await self._client().ask(lambda backend: cancel_jobs(backend, [self.id])))[0]
        if answer is Cancelled.UNKNOWN:
            raise no_such_job(self.id)
        return answer is not Cancelled.ALREADY

    async def send_event(self, name: str, value: Any = None, *, keep: Duration = "30d") -> bool:
        """Send the event that ``ctx.wait_event(name)`` waits for: as ``App.send_event``."""
        return await send_event(self._client(), self.id, name, value, positive(keep, "send_event(keep=)"))

    async def requeue(self) -> None:
        """Put the ended job back in line under the same id, with a fresh budget of attempts.

        Raises ``JobNotFound``, and ``JobConflict`` when it has not ended or another live job has its key.
        """
        job = await self.info()
        answer = Requeued.STALE
        if job.state.ended:
            answer = (await self._client().ask(lambda backend: backend.requeue([(self.id, job.epoch)])))[0]
        match answer:
            case Requeued.UNKNOWN:
                raise no_such_job(self.id)
            case Requeued.HELD:
                raise JobConflict(self.id, f"job {self.id} stays ended: another live job has its key {job.spec.key!r}")
            case Requeued.STALE:
                raise JobConflict(self.id, f"job {self.id} is {job.status}; only a job that ended can be requeued")
            case Requeued.REQUEUED:
                pass

    async def forget(self) -> None:
        """Delete the stored result; the job's record stays. Raises ``JobNotFound``, ``JobConflict`` before its end."""
        blobs = self._client().blobs
        result = (await self.info()).result if blobs.elsewhere else None
        change = Change(id=self.id, drop_result=True)
        answer = (await self._client().ask(lambda backend: backend.amend([change])))[0]
        if answer is Amended.UNKNOWN:
            raise no_such_job(self.id)
        if answer is not Amended.APPLIED:
            raise JobConflict(self.id, f"job {self.id} has not ended, so there is no result to delete")
        await blobs.drop(result)

    def typed(self, type: type[T]) -> JobHandle[T]:
        """The same job with results of this type. Raises ``TypeError`` when the type can have no JSON form."""
        return JobHandle(self._host, self.id, TypedResults[T](type))

    result_sync = twin(result)
    outcome_sync = twin(outcome)
    peek_sync = twin(peek)
    status_sync = twin(status)
    info_sync = twin(info)
    progress_sync = twin(progress)
    cancel_sync = twin(cancel)
    send_event_sync = twin(send_event)
    requeue_sync = twin(requeue)
    forget_sync = twin(forget)

    def stream_result_sync(self, timeout: Duration | None = None) -> Iterator[bytes]:
        """The same as ``stream_result``, for callers without an event loop."""
        name = "JobHandle.stream_result_sync"
        refuse_running_loop(name)
        return iterate_sync(self.stream_result(timeout), name)

    def updates_sync(self, after: int = 0) -> Iterator[Update]:
        """The same as ``updates``, for callers without an event loop."""
        name = "JobHandle.updates_sync"
        refuse_running_loop(name)
        return iterate_sync(self.updates(after), name)

    def items_sync(self, after: int = 0) -> Iterator[Any]:
        """The same as ``items``, for callers without an event loop."""
        name = "JobHandle.items_sync"
        refuse_running_loop(name)
        return iterate_sync(self._items(after), name)

    async def _items(self, after: int) -> AsyncIterator[Any]:
        async for item in self.items(after):  # where the client of that loop is
            yield item

    def _client(self) -> Client:
        return self._host.client()

    async def _ended(self, timeout: Duration | None, *, needs_value: bool, whole: bool = True) -> Job:
        seconds = None if timeout is None else parse_duration(timeout, "timeout") / 1000
        return await self._client().ended(self.id, seconds, needs_value=needs_value, whole=whole)

    async def _slice(self, backend: Backend, after: int) -> Slice:
        history = await backend.updates(self.id, read_from(after), PAGE)
        if history.job is None:
            raise no_such_job(self.id)
        return synthesise(history, after, PAGE)
