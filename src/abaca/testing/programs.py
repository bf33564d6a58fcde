"""Random programs of calls, written from a seed while an oracle answers, so that they name runs that are alive."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import (
    BUCKET,
    CURSOR,
    QUEUE,
    After,
    Beat,
    Card,
    Change,
    ErrorInfo,
    Job,
    Keep,
    KeyScope,
    Kind,
    Lease,
    Limit,
    NewJob,
    NewUpdate,
    Query,
    Record,
    Settle,
    State,
    Status,
    Tick,
    Transition,
    Want,
    When,
    task_bucket,
)
from abaca.testing.ids import job_id

QUEUES = ("a", "b")
LANES = ("", "x")
KEYS = (None, None, None, "k1", "k2")
SCHEDULES = ("s1", "s2")
LIMITS = (
    Limit(bucket="one", concurrency=1),
    Limit(bucket="two", concurrency=2),
    Limit(bucket="rate", rate=2, period_ms=3000, burst=2),
    Limit(bucket="both", concurrency=1, rate=1, period_ms=700),
)
SETTINGS = (
    Record(kind=QUEUE, id="a", data=b'{"concurrency":1}'),
    Record(kind=QUEUE, id="a", data=b'{"paused":true}'),
    Record(kind=QUEUE, id="a", data=b"{}"),
    Record(kind=QUEUE, id="b", data=b'{"concurrency":2}'),
    Record(kind=QUEUE, id="b", data=b"broken"),
    Record(kind=QUEUE, id="b", data=b'{"max_length":2,"concurrency":3}'),
    Record(kind=QUEUE, id="a", data=b'{"max_length":3,"overflow":"shed-lowest"}'),
    Record(kind=QUEUE, id="a", data=b'{"max_wait_ms":2000,"overflow":"wait"}'),
    Record(kind=QUEUE, id="b", data=b'{"max_wait_ms":700,"concurrency":1,"overflow":"shed-lowest"}'),
    Record(kind=QUEUE, id="b", data=b'{"max_length":1,"overflow":"sideways"}'),
    Record(kind=QUEUE, id="a", data=b'{"aging":true}'),
    Record(kind=QUEUE, id="b", data=b'{"weights":{"":2,"u":0}}'),
    Record(kind=QUEUE, id="b", data=b'{"aging":true,"concurrency":2}'),
    Record(kind=QUEUE, id="b", data=None),
    Record(kind=BUCKET, id=task_bucket("one"), data=b'{"bucket":"jobs-of:one","concurrency":1}'),
    Record(kind=BUCKET, id=task_bucket("one"), data=b'{"bucket":"jobs-of:one","concurrency":0}'),
    Record(kind=BUCKET, id=task_bucket("one"), data=None),
    Record(kind=BUCKET, id="one", data=b'{"bucket":"one","concurrency":2}'),
    Record(kind=BUCKET, id="one", data=None),
)
AGING = tuple(Record(kind=QUEUE, id=queue, data=b'{"weights":{"t":3},"aging":true}') for queue in QUEUES)
BOUNDED = (
    Record(kind=QUEUE, id="a", data=b'{"max_wait_ms":1500,"max_length":5,"overflow":"shed-lowest"}'),
    Record(kind=QUEUE, id="b", data=b'{"max_wait_ms":900,"concurrency":2}'),
)
WHENS = (When.COMPLETED, When.COMPLETED, When.FAILED, When.ENDED)
TENANTS = (None, None, "", "t", "t", "u")
TAGS = ((), ("t",), ("t", "ü"))
HISTORY = 60


@dataclass(frozen=True)
class Call:
    """One step of a program: a verb with its arguments, or ``advance``, ``search`` and ``dump`` of the runner's own."""

    verb: str
    args: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        return f"Call({self.verb!r}, {self.args!r})"


class ProgramWriter:
    """Writes calls one by one. ``perform`` runs each on the oracle, whose answers feed the next ones.

    With ``rewinds`` the clock also steps back. Then nothing expires by time alone, because a store may drop what has
    expired as soon as it likes; and no job has a deadline, because it might stand before those that are due.
    """

    def __init__(self, seed: int, oracle: Backend, clock: ManualClock, *, rewinds: bool) -> None:
        self._rng = random.Random(seed)
        self._oracle = oracle
        self._clock = clock
        self._rewinds = rewinds
        self._tenants = self._rng.choice(((None,), TENANTS))
        self._count = 0
        self._runs: list[Job] = []
        self._calls: list[Call] = []

    async def write(
        self, length: int, perform: Callable[[Call, Backend, ManualClock], Awaitable[object]]
    ) -> list[Call]:
        for number in range(1, length):
            call = self._next()
            self._calls.append(call)
            self._observe(await perform(call, self._oracle, self._clock))
            if number % 100 == 0:
                self._calls += [self._dump(), Call("audit")]
        return [*self._calls, self._dump(), Call("audit", (True,)), self._dump()]

    def _next(self) -> Call:
        if not self._calls and self._rng.random() < 0.5:
            return Call("put", (list(self._rng.choice((AGING, AGING, BOUNDED))),))
        if self._calls and self._rng.random() < 0.06:
            return self._again()
        kinds, weights = zip(*_WEIGHTS.items(), strict=True)
        (kind,) = self._rng.choices(kinds, weights)
        call: Call = getattr(self, f"_{kind}")()
        return call

    def _again(self) -> Call:
        """A call that was made lately, as it was: a reply was lost."""
        return self._rng.choice([call for call in self._calls[-HISTORY:] if call.verb != "dump"] or self._calls)

    def _observe(self, answer: object) -> None:
        jobs = getattr(answer, "jobs", answer)
        if isinstance(jobs, list):
            self._runs += [job for job in jobs if isinstance(job, Job) and job.state is State.RUNNING]
            self._runs = self._runs[-HISTORY:]

    def _advance(self) -> Call:
        steps = [0.0, 0.000001, 0.001, 0.5, 1.0, 4.0, 11.0, 16.0, 70.0, 4000.0]
        if self._rewinds:
            steps += [-0.000001, -0.5, -3.0, -20.0, -4000.0]
        return Call("advance", (self._rng.choice(steps),))

    def _id(self) -> str:
        """Mostly one of the latest, sometimes any, rarely one that was never there."""
        newest = self._rng.randint(max(1, self._count - 12), max(1, self._count + 1))
        return job_id(newest if self._rng.random() < 0.8 else self._rng.randint(1, self._count + 2))

    def _ids(self, most: int) -> list[str]:
        return [self._id() for _ in range(self._rng.randint(1, most))]

    def _job(self) -> NewJob:
        rng = self._rng
        fresh = rng.random() < 0.9
        self._count += fresh
        fields: dict[str, Any] = {"priority": rng.choice((0, 1, 50, 50, 50, 100)), "lane": rng.choice(LANES)}
        if rng.random() < 0.3:
            fields["delay_ms"] = rng.choice((1, 500, 5000))
        if rng.random() < 0.1:
            fields["run_at"] = self._clock.now() + rng.choice((-1, 0, 1, 700_000, -60_000_000))
        if rng.random() < 0.2:
            fields["lease_ms"] = rng.choice((1000, 30_000))
        if rng.random() < 0.2:
            fields["keep"] = Keep(cancelled_ms=rng.choice((0, 1000, 7_200_000)))
        fields |= self._key_fields()
        if rng.random() < 0.25:
            known = LIMITS[:2] if self._rewinds else LIMITS
            fields["limits"] = tuple(rng.sample(known, rng.choice((1, 1, 2))))
        id = job_id(self._count) if fresh else self._id()
        if rng.random() < 0.2:
            fields["after"] = self._after(id)
        if rng.random() < 0.3 and not self._rewinds and not fields.keys() & {"delay_ms", "run_at"}:
            fields |= {"start_within_ms": rng.choice((1, 1000, 2500, 20_000)), "priority": 50}
        return NewJob(
            id=id,
            task=rng.choice(("one", "two")),
            args=b'{"n":%d}' % rng.randint(0, 99),
            queue=rng.choice(QUEUES),
            tags=rng.choice(TAGS),
            owner=rng.choice((None, "o")),
            tenant=rng.choice(self._tenants),
            **fields,
        )

    def _key_fields(self) -> dict[str, Any]:
        rng = self._rng
        scopes = (KeyScope.LIVE,) if self._rewinds else tuple(KeyScope)
        fields: dict[str, Any] = {"key": rng.choice(KEYS), "key_scope": rng.choice(scopes)}
        if fields["key_scope"] is KeyScope.PERIOD:
            fields["key_ms"] = rng.choice((1000, 20_000, 4_000_000))
        if rng.random() < 0.2:
            fields["replace"] = True
        if rng.random() < 0.06:
            at = self._clock.now() + rng.choice((-1, 0, 1, 5_000_000))
            fields["tick"] = Tick(schedule=rng.choice(SCHEDULES), at=at)
        return fields

    def _after(self, id: str) -> tuple[After, ...]:
        """Edges to one to three other jobs, mostly of the latest, of one kind or two."""
        newest = range(max(1, self._count - 12), max(1, self._count) + 1)
        numbers = self._rng.choices(newest, k=self._rng.choice((1, 1, 2, 3)))
        parents = sorted({self._id() if self._rng.random() < 0.1 else job_id(number) for number in numbers} - {id})
        first = self._rng.randint(0, len(parents))
        split = (tuple(parents[:first]), tuple(parents[first:]))
        return tuple(After(ids=ids, when=self._rng.choice(WHENS)) for ids in split if ids)

    def _insert(self) -> Call:
        return Call("insert", ([self._job() for _ in range(self._rng.randint(1, 4))],))

    def _lease(self) -> Lease:
        return Lease(worker=self._rng.choice(("w1", "w2")), ms=self._rng.choice((3000, 10_000)))

    def _want(self) -> Want:
        rng = self._rng
        queues = rng.choice((("a",), ("a", "b"), ("b", "a")))
        return Want(queues=queues, slots={"": rng.randint(0, 3), "x": rng.randint(0, 2)})

    def _exchange(self) -> Call:
        done = [self._settle() for _ in range(self._rng.randint(0, 3))]
        want = self._want() if not done or self._rng.random() < 0.6 else None
        return Call("exchange", ([settle for settle in done if settle is not None], want, self._lease()))

    def _settle(self) -> Settle | None:
        rng = self._rng
        if not self._runs:
            return None
        job = rng.choice(self._runs[-8:])
        epoch = job.epoch if rng.random() < 0.95 else max(0, job.epoch + rng.choice((-1, 1)))
        return Settle(id=job.id, epoch=epoch, to=self._transition(job))

    def _transition(self, job: Job) -> Transition:
        rng = self._rng
        attempts = job.attempts + rng.randint(0, 1)
        error = (
            ErrorInfo(type="a.B", message=f"no {rng.randint(0, 9)}", attempt=attempts) if rng.random() < 0.4 else None
        )
        then = (self._job(),) if rng.random() < 0.08 else ()
        if rng.random() < 0.45:
            delay_ms = rng.choice((None, 0, 0, 800, 6000))
            memo = rng.choice((b"", b"\x00m"))
            losses = job.losses + rng.randint(0, 1)
            return Transition(
                target=State.WAITING,
                attempts=attempts,
                losses=losses,
                delay_ms=delay_ms,
                error=error,
                memo=memo,
                then=then,
            )
        return Transition(
            target=rng.choice((State.COMPLETED, State.COMPLETED, State.FAILED, State.CANCELLED)),
            attempts=attempts,
            result=rng.choice((None, b"1", b'"r"')),
            error=error,
            keep_ms=rng.choice((0, 900, 60_000, 7_200_000)),
            then=then,
        )

    def _reclaim(self) -> Call:
        return Call("reclaim", (self._rng.randint(1, 4), self._lease()))

    def _beat(self) -> Call:
        rng = self._rng
        beats = [Beat(id=job.id, epoch=job.epoch) for job in rng.choices(self._runs, k=3)] if self._runs else []
        card = None if self._rewinds else Card(id=rng.choice(("w1", "w2")), processed=rng.randint(0, 9))
        return Call("beat", (card, beats, self._lease()))

    def _sign_off(self) -> Call:
        return Call("sign_off", (self._rng.choice(("w1", "w2")),))

    def _cancel(self) -> Call:
        return Call("cancel", (self._ids(3),))

    def _requeue(self) -> Call:
        runs = [(job.id, job.epoch) for job in self._runs[-10:]] + [(id, 0) for id in self._ids(2)]
        return Call("requeue", ([self._rng.choice(runs) for _ in range(self._rng.randint(1, 2))],))

    def _amend(self) -> Call:
        return Call("amend", ([self._change(id) for id in self._ids(2)],))

    def _change(self, id: str) -> Change:
        rng = self._rng
        now = self._clock.now()
        options: Sequence[tuple[str, Any]] = (
            ("run_at", now + rng.choice((-1000, 0, 900_000))),
            ("delay_ms", rng.choice((0, 700))),
            ("priority", rng.choice((0, 50, 100))),
            ("queue", rng.choice(QUEUES)),
            ("tags", rng.choice(TAGS)),
            ("args", b'{"amended":true}'),
            ("drop_result", True),
            ("delete", True),
        )
        fields: dict[str, Any] = dict(rng.sample(options, rng.choice((1, 1, 1, 2))))
        return Change(id=id, revision=rng.choice((None, None, 1, 2, 3)), **fields)

    def _append(self) -> Call:
        rng = self._rng
        jobs = rng.choices(self._runs[-8:], k=rng.randint(1, 4)) if self._runs else []
        kinds = (Kind.PROGRESS, Kind.LOG, Kind.ITEM, Kind.STEP)
        return Call("append", ([self._update(job, rng.choice(kinds)) for job in jobs],))

    def _update(self, job: Job, kind: Kind) -> NewUpdate:
        return NewUpdate(id=job.id, epoch=job.epoch, seq=self._rng.randint(1, 9), kind=kind, data=b"%d" % self._count)

    def _updates(self) -> Call:
        return Call("updates", (self._id(), self._rng.choice((0, 0, 3, 5)), self._rng.choice((1, 2, 100))))

    def _get(self) -> Call:
        return Call("get", (self._ids(4),))

    def _search(self) -> Call:
        rng = self._rng
        fields: Sequence[dict[str, Any]] = (
            {},
            {"status": (rng.choice(list(Status)),)},
            {"status": (Status.QUEUED, Status.SCHEDULED, Status.FAILED)},
            {"status": (Status.BLOCKED,)},
            {"queue": rng.choice(QUEUES)},
            {"task": "one", "owner": "o"},
            {"tag": "ü"},
            {"tenant": "t"},
            {"key": "k1"},
            {"created_before": self._clock.now(), "created_after": self._clock.now() - 5_000_000},
            {"text": '"n":5'},
        )
        return Call("search", (Query(limit=rng.choice((2, 7, 50)), **rng.choice(fields)),))

    def _stats(self) -> Call:
        return Call("stats")

    def _records(self) -> Call:
        rng = self._rng
        verb = rng.choice(("put", "put", "put", "read", "scan"))
        ids = ("r1", "r2", "r3")
        if rng.random() < 0.3:
            return Call("put", ([msgspec.structs.replace(rng.choice(SETTINGS), version=rng.randint(0, 3))],))
        if rng.random() < 0.3:
            cursor = Record(kind=CURSOR, id=rng.choice(SCHEDULES), data=b"%d" % self._clock.now())
            return Call(*rng.choice((("put", ([cursor],)), ("read", (CURSOR, list(SCHEDULES))))))
        if verb == "read":
            return Call("read", ("kind", list(ids)))
        if verb == "scan":
            return Call("scan", ("kind", rng.choice(("", "r1")), rng.randint(1, 3)))
        expires_ms = None if self._rewinds else rng.choice((None, 2000, 20_000))
        data = rng.choice((b"one", b"two", b"", None))
        record = Record(kind="kind", id=rng.choice(ids), data=data, version=rng.randint(0, 3), expires_ms=expires_ms)
        if rng.random() < 0.3:
            other = Record(kind="kind", id="r4", data=b"four", version=rng.randint(0, 1))
            return Call("put", ([record, other], True))
        return Call("put", ([record],))

    def _purge(self) -> Call:
        return Call("purge", (self._rng.randint(1, 4),))

    def _dump(self) -> Call:
        return Call("dump", ([job_id(number) for number in range(1, self._count + 3)],))


_WEIGHTS = {
    "insert": 16,
    "exchange": 30,
    "advance": 12,
    "reclaim": 5,
    "beat": 6,
    "sign_off": 1,
    "cancel": 5,
    "requeue": 4,
    "amend": 6,
    "append": 7,
    "updates": 3,
    "get": 3,
    "search": 3,
    "stats": 2,
    "records": 5,
    "purge": 4,
}
