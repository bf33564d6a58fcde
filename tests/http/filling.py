"""A store in memory with an hour of jobs of every kind in it: what a dashboard has to be good at."""

from __future__ import annotations

import json
import random
from bisect import bisect_left
from collections.abc import Sequence
from typing import Protocol

import msgspec

from abaca.app import App
from abaca.backend import Backend
from abaca.codec import new_id
from abaca.measures import BOUNDS, MINUTE, MINUTE_KEPT_MS, Cell, Measures, minute_id
from abaca.model import (
    After,
    Beat,
    Card,
    ErrorInfo,
    Job,
    Kind,
    Lease,
    NewJob,
    NewUpdate,
    Record,
    Settle,
    State,
    Transition,
    Want,
    When,
)
from abaca.policy.builtin import JOIN

HOSTILE = "<script>alert(1)</script>"
TASKS = ("render", "send_mail", "resize", "index", "report", "charge_card")
QUEUES = ("default", "mail", "images", "reports")
_ERRORS = (
    ("builtins.ConnectionError", "connection to 10.0.3.{n}:5432 refused after {n} ms"),
    ("builtins.ValueError", "page {n} has no dpi"),
    ("app.errors.CardDeclined", "card declined: insufficient funds (code {n})"),
)
TRACEBACK = """Traceback (most recent call last):
  File "/app/tasks.py", line 41, in charge_card
    answer = gateway.charge(card, amount)
  File "/app/gateway.py", line 17, in charge
    raise CardDeclined(f"card declined: {reason}")
app.errors.CardDeclined: card declined: insufficient funds
"""


class Moving(Protocol):
    def now(self) -> int: ...
    def advance(self, distance: float, /) -> None: ...


async def fill(app: App, clock: Moving, jobs: int, *, minutes: int = 60, seed: int = 1) -> None:
    """``jobs`` jobs over so many minutes that end now; most completed, some in every other status."""
    backend = await app.backend()
    rand = random.Random(seed)
    for _ in range(minutes):
        some = [_job(rand) for _ in range(jobs // minutes)]
        await _insert(backend, some)
        clock.advance(30)
        await _run(backend, rand, len(some) * 97 // 100, clock.now() // 60_000_000)
        clock.advance(30)
    await _insert(backend, [_job(rand, delay_ms=rand.randrange(60_000, 7_200_000)) for _ in range(max(3, jobs // 500))])
    await beat(backend)


async def beat(backend: Backend, running: Sequence[Job] = ()) -> None:
    """Two workers that serve all but one queue."""
    beats = [Beat(id=job.id, epoch=job.epoch) for job in running]
    now = (await backend.stats()).seen_at
    for name, queues in (("web-1", ("default", "mail")), ("gpu-1", ("images",))):
        card = Card(
            id=f"w-{name}",
            name=name,
            host="node-7",
            pid=4711,
            queues=queues,
            tasks=TASKS,
            slots={"async": 50, "thread": 20},
            running=tuple(job.id for job in running),
            processed=12_400,
            succeeded=12_310,
            failed=90,
            busy_ms=940_000,
            started_at=now - 7_200_000_000,
        )
        await backend.beat(card, beats, Lease(worker=card.id, ms=60_000))


async def workflow(app: App, width: int = 3) -> str:
    """A graph: one beginning, ``width`` in the middle, two further on, a join. Answers its id."""
    final, first = new_id(), new_id()
    middle = [new_id() for _ in range(width)]
    late = [new_id(), new_id()]
    made = [
        NewJob(id=first, task="fetch", lane="async", parent=final),
        *(NewJob(id=id, task="parse", lane="async", parent=final, after=_after(first)) for id in middle),
        NewJob(id=late[0], task="merge", lane="async", parent=final, after=_after(*middle)),
        NewJob(id=late[1], task="undo", lane="async", parent=final, after=_after(*middle[:1], when="failed")),
        NewJob(id=final, task=JOIN, lane="async", parent=final, after=_after(*late, when="ended")),
    ]
    await _insert(await app.backend(), made)
    return final


def _after(*ids: str, when: str = "completed") -> tuple[After, ...]:
    return (After(ids=ids, when=When(when)),)


def _job(rand: random.Random, delay_ms: int = 0) -> NewJob:
    number = rand.randrange(10_000)
    args = {"document": f"doc-{number}", "dpi": rand.choice((150, 300)), "to": f"user{number}@example.org"}
    return NewJob(
        id=new_id(),
        task=rand.choices(TASKS, (40, 25, 15, 10, 5, 5))[0],
        args=json.dumps(args).encode(),
        queue=rand.choices(QUEUES, (60, 20, 15, 5))[0],
        priority=rand.choice((25, 50, 50, 50, 75)),
        lane="async",
        delay_ms=delay_ms,
        tags=("nightly",) if rand.random() < 0.05 else (),
    )


async def _insert(backend: Backend, jobs: Sequence[NewJob]) -> None:
    for start in range(0, len(jobs), 1000):
        await backend.insert(jobs[start : start + 1000])


async def _run(backend: Backend, rand: random.Random, most: int, minute: int) -> None:
    """Run so many jobs, and count them as a worker does."""
    lease = Lease(worker="w-web-1", ms=60_000)
    measures = Measures()
    while most > 0:
        want = Want(queues=QUEUES[:3], slots={"async": min(1000, most)})
        taken = (await backend.exchange([], want, lease)).jobs
        if not taken:
            break
        most -= len(taken)
        settles = [_ended(job, rand) for job in taken]
        await backend.exchange(settles, None, lease)
        for job, settle in zip(taken, settles, strict=True):
            _count(measures.cell(job.spec.queue, job.spec.task), settle.to.target, rand)
    row = Record(kind=MINUTE, id=minute_id(minute, "w-web-1"), data=measures.pack(), expires_ms=MINUTE_KEPT_MS)
    await backend.put([row])


def _count(cell: Cell, target: State, rand: random.Random) -> None:
    cell.waits[bisect_left(BOUNDS, rand.lognormvariate(-4, 1))] += 1
    cell.runs[bisect_left(BOUNDS, rand.lognormvariate(-1.5, 0.8))] += 1
    if target is State.COMPLETED:
        cell.completed += 1
    elif target is State.FAILED:
        cell.failed += 1
    else:
        cell.retried += 1


def _ended(job: Job, rand: random.Random) -> Settle:
    bad = rand.random() < (0.3 if job.spec.task == "charge_card" else 0.01)
    if bad:
        type, message = rand.choice(_ERRORS)
        error = ErrorInfo(type=type, message=message.format(n=rand.randrange(1000)), traceback=TRACEBACK, attempt=1)
        again = rand.random() < 0.3
        to = Transition(
            target=State.WAITING if again else State.FAILED,
            attempts=1,
            error=error,
            delay_ms=240_000,
            keep_ms=604_800_000,
        )
    else:
        result = msgspec.json.encode({"pages": rand.randrange(1, 80), "url": f"s3://out/{job.id}.pdf"})
        to = Transition(target=State.COMPLETED, attempts=1, result=result, keep_ms=86_400_000)
    return Settle(id=job.id, epoch=job.epoch, to=to)


async def running_job(app: App, lines: int = 6) -> Job:
    """One job that runs now, has failed once, and has said something."""
    backend = await app.backend()
    lease = Lease(worker="w-web-1", ms=600_000)
    new = NewJob(id=new_id(), task="render", args=b'{"document": "book.pdf", "dpi": 300}', queue="solo", lane="async")
    await backend.insert([new])
    (job,) = (await backend.exchange([], Want(queues=("solo",), slots={"async": 1}), lease)).jobs
    error = ErrorInfo(type="builtins.OSError", message="disk is full", traceback=TRACEBACK, attempt=1)
    to = Transition(target=State.WAITING, attempts=1, error=error, delay_ms=0)
    await backend.exchange([Settle(id=job.id, epoch=job.epoch, to=to)], None, lease)
    (job,) = (await backend.exchange([], Want(queues=("solo",), slots={"async": 1}), lease)).jobs
    said: list[tuple[Kind, object]] = []
    for number in range(lines):
        said.append((Kind.LOG, {"level": "info", "message": "page done", "page": number}))
        said.append((Kind.ITEM, {"page": number, "words": 312 + number}))
        said.append((Kind.PROGRESS, {"done": number + 1, "total": 10, "stage": "render", "message": f"p{number}.png"}))
    await backend.append(
        [
            NewUpdate(id=job.id, epoch=job.epoch, seq=seq, kind=kind, data=msgspec.json.encode(data))
            for seq, (kind, data) in enumerate(said, 1)
        ]
    )
    (stored,) = await backend.get([job.id])
    assert stored is not None
    return stored


async def fail(backend: Backend, job: Job, error: ErrorInfo) -> None:
    to = Transition(target=State.FAILED, attempts=job.attempt, error=error, keep_ms=604_800_000)
    await backend.exchange([Settle(id=job.id, epoch=job.epoch, to=to)], None, Lease(worker="w", ms=60_000))
