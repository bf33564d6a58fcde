"""Events that jobs wait for: a record for each event of a job, and a nudge for the job that waits for it."""

from __future__ import annotations

import asyncio
import random
from abc import abstractmethod
from typing import Any

import msgspec

from abaca.backend import MAX_RECORD_BYTES
from abaca.checks import positive
from abaca.client import Client, no_such_job
from abaca.codec import ResultCodec
from abaca.durations import Duration
from abaca.errors import JobConflict, PayloadTooLarge
from abaca.model import EVENT, Amended, Change, Job, Record, State, Verdict, event_id
from abaca.options import HasId
from abaca.policy.decide import memo_of
from abaca.steps import step_text
from abaca.sync import twin

LOOK_AGAIN = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds between looks at a job that runs: it may be about to wait. Its own look, 5 s later, covers the rest."""

_ANY: ResultCodec[Any] = ResultCodec(Any, what="an event", limit=MAX_RECORD_BYTES, noun="value")


async def send_event(client: Client, job_id: str, name: str, value: Any, keep_ms: int) -> bool:
    """Store the event, and make the job due if it waits for it. ``False``: another value of it was sent before."""
    data = _encoded(job_id, step_text(name), value)
    job = await client.read(job_id)
    if job.state.ended:
        raise JobConflict(job_id, f"job {job_id} is {job.status}: nobody is left to hear the event {name!r}")
    record = Record(kind=EVENT, id=event_id(job_id, name), data=data, expires_ms=keep_ms)
    is_first = (await client.ask(lambda backend: backend.put([record])))[0] is Verdict.APPLIED
    if not is_first:
        stored = (await client.ask(lambda backend: backend.read(EVENT, [record.id])))[0]
        is_first = stored is not None and stored.data == data  # a reply that was lost, or the same again
    await _wake(client, job_id, name)
    return is_first


def _encoded(job_id: str, name: str, value: Any) -> bytes:
    data = _ANY.encode_text(value)
    if len(data) > MAX_RECORD_BYTES:
        raise PayloadTooLarge(
            f"job {job_id}, event {name!r}: its value takes {len(data):,} bytes as JSON and the limit is "
            f"{MAX_RECORD_BYTES:,}; send a reference to it"
        )
    return data


async def _wake(client: Client, job_id: str, name: str) -> None:
    for pause in (*LOOK_AGAIN, None):
        job = await client.read(job_id)
        if job.state is State.RUNNING:
            if pause is None:
                return
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        elif not _waits(job, name) or await _made_due(client, job):
            return


def _waits(job: Job, name: str) -> bool:
    try:
        return job.state is State.WAITING and name in memo_of(job).waits
    except msgspec.MsgspecError:  # its next run says so
        return False


async def _made_due(client: Client, job: Job) -> bool:
    change = Change(id=job.id, revision=job.revision, delay_ms=0)
    answer = (await client.ask(lambda backend: backend.amend([change])))[0]
    if answer is Amended.UNKNOWN:
        raise no_such_job(job.id)
    return answer is Amended.APPLIED


class SendsEvents:
    """``send_event`` of an app."""

    @abstractmethod
    def client(self) -> Client: ...

    async def send_event(self, job: HasId | str, name: str, value: Any = None, *, keep: Duration = "30d") -> bool:
        """Send a job the event that ``ctx.wait_event(name)`` waits for, now or later. The first value of a name wins.

        Answers whether ``value`` is the event: ``False`` when another one was sent before. ``keep`` is how long a value
        that nobody has waited for yet is kept. A job that waits goes on at once, or within the interval at which it
        looks by itself (5 s, growing to 10 min) where this call is cut off.
        Raises ``JobNotFound``, ``JobConflict`` for a job that has ended, ``ResultError`` and ``PayloadTooLarge`` for a
        value that cannot be stored, ``BackendUnavailable``.
        """
        id = job if isinstance(job, str) else job.id
        return await send_event(self.client(), id, name, value, positive(keep, "send_event(keep=)"))

    send_event_sync = twin(send_event)
