"""Simulated client processes: they enqueue, wait, cancel, requeue and read, through the public face."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from abaca.errors import (
    AbacaError,
    BackendUnavailable,
    EnqueueRefused,
    JobConflict,
    ResultTimeout,
)
from abaca.model import After, Change, Inserted, Limit, NewJob, Receipt, When
from abaca.patience import refusal
from abaca.policy.retry import DEFAULT_RULE
from abaca.tasks import Call
from abaca.verify.history import Item
from abaca.verify.prints import print_of_stored
from tests.simulation.loop import current
from tests.simulation.tasks import make_app

_MIX = (
    ("quick", 10, 0.0, 0.3),
    ("slow", 5, 1.0, 14.0),
    ("flaky", 5, 0.0, 0.2),
    ("hopeless", 2, 0.0, 0.2),
    ("poison", 2, 0.0, 0.4),
    ("stubborn", 2, 0.5, 12.0),
    ("timed", 3, 0.3, 8.0),
    ("snoozer", 2, 0.2, 2.0),
    ("freezing", 1, 1.0, 9.0),
)
_WAIT = 240.0
_LIMITS = (
    Limit(bucket="one", concurrency=1),
    Limit(bucket="two", concurrency=2),
    Limit(bucket="slow", rate=2, period_ms=1000, burst=2),
)


class Client:
    """One client. ``world.wishes`` counts the calls that are still to be made by whoever lives."""

    def __init__(self, world: Any, rng: random.Random) -> None:
        self._world = world
        self._rng = rng
        self._app = make_app(world)
        self._name = current().name
        self._ops = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._known: list[str] = []

    async def run(self) -> int:
        while self._world.wishes > 0:
            await asyncio.sleep(self._rng.expovariate(1.0) * self._world.pace)  # sleeps: virtual time, somebody thinks
            await self._act()
        if self._rng.random() < 0.4:
            await self._farewell()
        while self._under_way:
            await asyncio.wait(list(self._under_way))
        return 0

    async def _farewell(self) -> None:
        """When all is quiet: bounds in time are judged only then."""
        await asyncio.sleep(13.0)  # sleeps: virtual time, until the last faults are over
        self._spawn(self._run_and_wait(self._app.tasks["quick"].call(n=3, x=0.5)))
        if self._rng.random() < 0.3:
            await self._enqueue([self._app.tasks["timed"].call(n=2, x=12.0)])
            return
        long = self._app.tasks["slow"].call(n=1, x=15.0)
        await self._enqueue([long])
        await asyncio.sleep(1.5)  # sleeps: virtual time, so that it runs
        await self._cancel(long.job.id)

    async def _act(self) -> None:
        draw = self._rng.random()
        if draw < 0.45:
            await self._enqueue([self._call()])
        elif draw < 0.6:
            await self._enqueue(self._joined([self._call() for _ in range(self._rng.randint(2, 6))]))
        elif draw < 0.7:
            self._spawn(self._run_and_wait(self._call()))
        elif self._known:
            id = self._rng.choice(self._known)
            if draw < 0.8:
                self._spawn(self._cancel(self._rng.choice(self._known[-6:])))
            elif draw < 0.87:
                self._spawn(self._requeue(id))
            elif draw < 0.91:
                self._spawn(self._wait(id))
            elif draw < 0.94:
                self._spawn(self._amend(self._rng.choice(self._known[-6:])))
            else:
                self._spawn(self._read_updates(id))

    def _spawn(self, coro: Any) -> None:
        task = asyncio.get_running_loop().create_task(coro)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def _op(self) -> str:
        self._ops += 1
        return f"{self._name}:{self._ops}"

    def _call(self) -> Call[Any]:
        self._world.wishes -= 1
        name, _, low, high = self._rng.choices(_MIX, weights=[weight for _, weight, _, _ in _MIX])[0]
        options: dict[str, Any] = {}
        draw = self._rng.random()
        if draw < 0.15:
            options["delay"] = round(self._rng.uniform(0.1, 6.0), 3)
        elif draw < 0.2:
            instant = self._world.store_seconds() + self._rng.uniform(-3.0, 6.0)
            options["run_at"] = datetime.fromtimestamp(0, UTC) + timedelta(seconds=round(instant, 3))
        if self._rng.random() < 0.15:
            options["key"] = f"k{self._rng.randrange(3)}"
        if self._rng.random() < 0.2:
            options["priority"] = self._rng.choice((10, 60, 90))
        task = self._app.tasks[name].opts(**options)
        call = task.call(n=self._rng.randrange(1000), x=round(self._rng.uniform(low, high), 3))
        if self._rng.random() < 0.2:
            call.job = msgspec.structs.replace(call.job, limits=(self._rng.choice(_LIMITS),))
        if call.job.key is None and self._known and self._rng.random() < 0.3:
            call.job = msgspec.structs.replace(call.job, after=(self._edges(self._known[-4:]),))
        return call

    def _edges(self, known: list[str]) -> After:
        parents = tuple(dict.fromkeys(self._rng.choice(known) for _ in range(self._rng.randint(1, 4))))
        return After(ids=parents, when=self._rng.choice((When.COMPLETED, When.COMPLETED, When.FAILED, When.ENDED)))

    def _joined(self, calls: list[Call[Any]]) -> list[Call[Any]]:
        """A batch of which the last waits for all others, at times."""
        if self._rng.random() < 0.8 and calls[-1].job.key is None and not any(call.job.key for call in calls):
            edges = After(ids=tuple(call.job.id for call in calls[:-1]), when=self._rng.choice(tuple(When)))
            calls[-1].job = msgspec.structs.replace(calls[-1].job, after=(edges,))
        return calls

    def _say(self, type: str, f: str, **fields: Any) -> None:
        self._world.write("client", type, f, **fields)

    async def _enqueue(self, calls: list[Call[Any]]) -> None:
        """Again with the same calls when the outcome is unknown, at times."""
        for _ in range(3):
            op = self._op()
            self._say("invoke", "enqueue", op=op, items=tuple(_item(call) for call in calls))
            try:
                if len(calls) == 1 and self._rng.random() < 0.7:
                    receipts = [await self._insert(calls[0].job)]
                else:
                    receipts = await self._app.client().insert_many([call.job for call in calls])
            except EnqueueRefused:  # the others of its batch are stored
                self._say("info", "enqueue", op=op)
                return
            except BackendUnavailable:
                self._say("info", "enqueue", op=op)
                if self._rng.random() < 0.3:
                    return
                continue
            held = {
                call.job.id: receipt.id
                for call, receipt in zip(calls, receipts, strict=True)
                if receipt.outcome is Inserted.HELD
            }
            self._say("ok", "enqueue", op=op, val={"held": held} if held else None)
            self._known += [receipt.id for receipt in receipts]
            for receipt in receipts:
                if self._rng.random() < 0.35:
                    self._spawn(self._wait(receipt.id))
            return

    async def _insert(self, job: NewJob) -> Receipt:
        """As ``Task.enqueue`` does it."""
        client = self._app.client()
        receipt = await client.insert(job)
        if receipt.again:
            receipt = await client.insist(job, receipt, 5.0)
        if receipt.outcome is Inserted.REFUSED:
            raise refusal(job, receipt)
        return receipt

    async def _run_and_wait(self, call: Call[Any]) -> None:
        """As ``Task.run`` does it: the wait begins before the job is stored."""
        op, wait = self._op(), self._op()
        self._say("invoke", "enqueue", op=op, items=(_item(call),))
        try:
            job = await self._app.client().run(call.job, _WAIT)
        except (BackendUnavailable, EnqueueRefused):
            self._say("info", "enqueue", op=op)
        except ResultTimeout as error:
            self._say("ok", "enqueue", op=op, val=_held(call, error.job_id))
        else:
            self._say("ok", "enqueue", op=op, val=_held(call, job.id))
            self._say("invoke", "wait", op=wait, j=job.id)
            self._say("ok", "wait", op=wait, j=job.id, val=_end(job))

    async def _wait(self, id: str) -> None:
        op = self._op()
        self._say("invoke", "wait", op=op, j=id)
        try:
            job = await self._app.client().ended(id, _WAIT, needs_value=False)
        except ResultTimeout as error:
            self._say("fail", "wait", op=op, j=id, val=str(error))
        except AbacaError as error:
            self._say("info", "wait", op=op, j=id, val=str(error))
        else:
            self._say("ok", "wait", op=op, j=id, val=_end(job))
            if self._rng.random() < 0.3:
                await self._look(id)

    async def _look(self, id: str) -> None:
        await asyncio.sleep(self._rng.uniform(0.1, 5.0))  # sleeps: virtual time, somebody thinks
        try:
            job = await self._app.job(id).info()
        except AbacaError:
            return
        if job.state.ended:
            self._say("ok", "read", j=id, val=_end(job))

    async def _cancel(self, id: str) -> None:
        op = self._op()
        self._say("invoke", "cancel", op=op, j=id)
        try:
            answer = (await self._app.client().ask(lambda backend: backend.cancel([id])))[0]
        except BackendUnavailable as error:
            self._say("info", "cancel", op=op, j=id, val=str(error))
        else:
            self._say("ok", "cancel", op=op, j=id, val=answer.name.lower())

    async def _requeue(self, id: str) -> None:
        op = self._op()
        self._say("invoke", "requeue", op=op, j=id)
        try:
            await self._app.job(id).requeue()
        except JobConflict:
            self._say("ok", "requeue", op=op, j=id, val="stale")
        except AbacaError as error:
            self._say("info", "requeue", op=op, j=id, val=str(error))
        else:
            self._say("ok", "requeue", op=op, j=id, val="requeued")

    async def _amend(self, id: str) -> None:
        change = Change(id=id, delay_ms=self._rng.randrange(4000), priority=self._rng.choice((None, 10, 90)))
        try:
            await self._app.client().ask(lambda backend: backend.amend([change]))
        except BackendUnavailable:
            pass  # the store writes down what it did

    async def _read_updates(self, id: str) -> None:
        op = self._op()
        self._say("invoke", "updates", op=op, j=id, val={"after": 0})
        seen = 0
        try:
            async with asyncio.timeout(_WAIT):
                async for update in self._app.job(id).updates():
                    seen += 1
                    val = {"id": update.id, "kind": update.kind.value, "value": update.value}
                    self._say("event", "update", op=op, j=id, val=val)
        except (AbacaError, TimeoutError) as error:
            self._say("info", "updates", op=op, j=id, val=type(error).__name__)
        else:
            self._say("ok", "updates", op=op, j=id)


def _item(call: Call[Any]) -> Item:
    job = call.job
    return Item(
        id=job.id,
        print=print_of_stored(job.args),
        q=job.queue,
        key=job.key,
        delay=job.delay_ms / 1000,
        run_at=job.run_at,
        max=(job.retry or DEFAULT_RULE).max_attempts,
        timeout=None if job.timeout_ms is None else job.timeout_ms / 1000,
        lease=None if job.lease_ms is None else job.lease_ms / 1000,
        after=job.parents,
        when=job.after[0].when.value if job.after else "completed",
        limits=tuple((limit.bucket, limit.concurrency) for limit in job.limits if limit.concurrency is not None),
    )


def _held(call: Call[Any], id: str) -> dict[str, Any] | None:
    return None if id == call.job.id else {"held": {call.job.id: id}}


def _end(job: Any) -> dict[str, Any]:
    val = {"status": job.status.value, "ended_at": job.ended_at}
    if job.result is not None:
        val["print"] = print_of_stored(job.result)
    return val
