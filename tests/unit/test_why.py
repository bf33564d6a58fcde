"""``why``: one sentence for each thing that a job can wait for, each on a store where it is so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from abaca import App, JobNotFound
from abaca.backend import Backend
from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.codec import new_id
from abaca.model import (
    After,
    Beat,
    Card,
    ErrorInfo,
    Job,
    Lease,
    Limit,
    NewJob,
    RetryRule,
    Settle,
    Want,
    When,
)
from abaca.policy.decide import decide
from abaca.policy.outcome import Outcome, Raised, Returned, Snoozed, TaskMissing
from abaca.views.why import Cause, Why, why

LEASE = Lease(worker="w-1", ms=15_000)
SLOTS = {"async": 10, "thread": 10}
FAILED = Raised(error=ErrorInfo(type="builtins.ValueError", message="bad 7", kinds=("builtins.ValueError",)))
DONE = Returned(result=b"1")


@dataclass
class Ground:
    """A store whose clock stands still, with the one worker ``w-1`` that knows the task ``render``."""

    app: App
    backend: Backend
    clock: ManualClock
    ids: dict[str, str] = field(default_factory=dict)

    async def beats(self, **changes: object) -> None:
        card = {
            "id": "w-1",
            "name": "mill",
            "host": "north",
            "pid": 12,
            "started_at": self.clock.now() - 10_000_000,
            "queues": ("default",),
            "tasks": ("render",),
            "slots": SLOTS,
        }
        await self.backend.beat(Card(**(card | changes)), [], LEASE)  # type: ignore[arg-type]

    async def insert(self, name: str = "it", **fields: object) -> str:
        self.ids[name] = new_id()
        spec = {"id": self.ids[name], "task": "render", "lane": "async"} | fields
        await self.backend.insert([NewJob(**spec)])  # type: ignore[arg-type]
        return self.ids[name]

    async def claim(self, *queues: str) -> list[Job]:
        want = Want(queues=queues or ("default",), slots=dict(SLOTS))
        return (await self.backend.exchange([], want, LEASE)).jobs

    async def end(self, outcome: Outcome) -> None:
        """Claim what is due and end it so."""
        jobs = await self.claim()
        settles = [Settle(id=job.id, epoch=job.epoch, to=decide(job, outcome, lambda: 1.0)) for job in jobs]
        await self.backend.exchange(settles, None, LEASE)

    async def why(self, name: str = "it") -> Why:
        return await why(self.app, self.ids[name])


@pytest.fixture
def ground() -> Ground:
    clock = ManualClock()
    backend = MemoryBackend(clock)
    return Ground(App(backend=backend), backend, clock)


async def scheduled(on: Ground) -> None:
    await on.beats()
    await on.insert(delay_ms=3_600_000)


async def scheduled_for_a_paused_queue(on: Ground) -> None:
    await scheduled(on)
    await on.app.queues.pause("default")


async def retrying(on: Ground) -> None:
    await on.beats()
    await on.insert(retry=RetryRule(max_attempts=4))
    await on.end(FAILED)


async def snoozed(on: Ground) -> None:
    await on.beats()
    await on.insert()
    await on.end(Snoozed(delay_ms=60_000))


async def waiting_for_an_event(on: Ground) -> None:
    await on.beats()
    await on.insert()
    await on.end(Snoozed(delay_ms=5_000, waits=("approved",)))


async def task_missing(on: Ground) -> None:
    await on.beats()
    await on.insert()
    await on.end(TaskMissing())


async def parents(on: Ground) -> None:
    await on.beats()
    await on.insert("first")
    await on.claim()
    await on.insert("second", delay_ms=60_000)
    await on.insert(after=(After(ids=(on.ids["first"], on.ids["second"])),))


async def parents_of_which_one_failed(on: Ground) -> None:
    await on.beats()
    await on.insert("first", retry=RetryRule(max_attempts=1))
    await on.end(FAILED)
    await on.insert("second", delay_ms=60_000)
    await on.insert(after=(After(ids=(on.ids["first"], on.ids["second"])),))


async def unmet(on: Ground) -> None:
    await on.beats()
    await on.insert("first")
    await on.insert(after=(After(ids=(on.ids["first"],), when=When.FAILED),))
    await on.end(DONE)


async def limited(on: Ground) -> None:
    await on.beats()
    limits = (Limit(bucket="name:api", concurrency=1),)
    await on.insert("holder", limits=limits)
    await on.claim()
    await on.insert(limits=limits)
    await on.claim()


async def limited_by_a_rate(on: Ground) -> None:
    await on.beats()
    limits = (Limit(bucket="task:render:1", rate=5, period_ms=60_000),)
    await on.insert("holder", limits=limits)
    await on.insert(limits=limits)
    await on.claim()


async def task_limited(on: Ground) -> None:
    await on.beats()
    await on.app.task_control.limit("render", 1)
    await on.insert("holder")
    await on.claim()
    await on.insert()
    await on.claim()


async def task_paused(on: Ground) -> None:
    await on.beats()
    await on.app.task_control.pause("render")
    await on.insert()


async def task_paused_and_looked_at(on: Ground) -> None:
    await task_paused(on)
    await on.claim()


async def queue_limited(on: Ground) -> None:
    await on.beats()
    await on.app.queues.limit("default", 1)
    await on.insert("holder")
    await on.claim()
    await on.insert()


async def queue_limited_and_looked_at(on: Ground) -> None:
    await queue_limited(on)
    await on.claim()


async def queue_paused(on: Ground) -> None:
    await on.beats()
    await on.app.queues.pause("default")
    await on.insert()


async def nobody(on: Ground) -> None:
    await on.insert()


async def nobody_but_a_silent_one(on: Ground) -> None:
    await on.beats()
    on.clock.advance(30)
    await on.insert()


async def nobody_but_one_that_stops(on: Ground) -> None:
    await on.beats(draining=True)
    await on.insert()


async def unserved(on: Ground) -> None:
    await on.beats(queues=("mail",))
    await on.insert()


async def unknown_here(on: Ground) -> None:
    await on.beats(tasks=("other",))
    await on.beats(id="w-2", name="kiln", queues=("far",))
    await on.insert()


async def without_a_slot(on: Ground) -> None:
    await on.beats(slots={"thread": 4})
    await on.insert()


async def next_in_line(on: Ground) -> None:
    await on.beats()
    await on.insert()
    on.clock.advance(2)


async def behind_others(on: Ground) -> None:
    await on.insert("higher", priority=90)
    await on.insert("earlier")
    on.clock.advance(4)
    await on.insert()
    await on.insert("later")
    await on.beats(processed=20)


async def expiring(on: Ground) -> None:
    await on.beats()
    await on.insert(expires_ms=60_000)


async def expired(on: Ground) -> None:
    await on.insert(expires_ms=60_000)
    on.clock.advance(61)
    await on.beats()


async def running(on: Ground) -> None:
    await on.insert(timeout_ms=60_000)
    await on.claim()
    await on.beats()
    on.clock.advance(12)
    await on.backend.beat(None, [Beat(id=on.ids["it"], epoch=1)], LEASE)


async def running_without_a_timeout(on: Ground) -> None:
    await on.insert()
    await on.claim()
    await on.beats()


async def stopping(on: Ground) -> None:
    await running_without_a_timeout(on)
    await on.backend.cancel([on.ids["it"]])


async def abandoned(on: Ground) -> None:
    await running_without_a_timeout(on)
    on.clock.advance(20)


async def completed(on: Ground) -> None:
    await on.insert()
    await on.end(DONE)
    on.clock.advance(60)


async def failed(on: Ground) -> None:
    await on.insert(retry=RetryRule(max_attempts=1))
    await on.end(FAILED)


async def cancelled(on: Ground) -> None:
    await on.insert()
    await on.backend.cancel([on.ids["it"]])


async def purged(on: Ground) -> None:
    await on.insert()
    await on.end(DONE)
    on.clock.advance(3601)
    await on.backend.purge(10)


Scene = Callable[[Ground], Awaitable[None]]
T = "at 2030-01-01T"

SENTENCES: list[tuple[Scene, Cause, str]] = [
    (scheduled, Cause.SCHEDULED, f"It is scheduled and due {T}01:00:00Z (in 1h0m)."),
    (
        scheduled_for_a_paused_queue,
        Cause.SCHEDULED,
        f"It is scheduled and due {T}01:00:00Z (in 1h0m); besides, the queue 'default' is paused.",
    ),
    (
        retrying,
        Cause.RETRYING,
        f"Attempt 1 of 4 failed with ValueError: bad 7; the next is due {T}00:00:02Z (in 2.0s).",
    ),
    (
        snoozed,
        Cause.ASLEEP,
        f"Its last run asked to go on later (a snooze or a durable sleep): it is due {T}00:01:00Z (in 1m0s).",
    ),
    (
        waiting_for_an_event,
        Cause.EVENT,
        f"It waits for the event 'approved', and looks for it by itself {T}00:00:05Z (in 5.0s).",
    ),
    (
        task_missing,
        Cause.TASK_MISSING,
        f"The worker that took it did not know the task 'render'; it is offered again {T}00:00:01Z (in 1.0s).",
    ),
    (
        parents,
        Cause.PARENTS,
        "It waits for 2 of its 2 parents: {first} (render, running) and {second} (render, scheduled).",
    ),
    (
        parents_of_which_one_failed,
        Cause.PARENTS,
        "It waits for 1 of its 2 parents: {second} (render, scheduled); 1 ended otherwise than it asks for "
        "({first} (render, failed)), so it will be cancelled and not run.",
    ),
    (
        unmet,
        Cause.IN_LINE,
        "It is next in the queue 'default', due for 0ms, and waits for a free slot; 1 parent ended otherwise than it "
        "asks for, so whoever takes it cancels it.",
    ),
    (
        limited,
        Cause.LIMIT,
        "The limit 'name:api' lets 1 run at once, and {holder} (render, running) holds the permit.",
    ),
    (limited_by_a_rate, Cause.LIMIT, "The limit 'task:render:1' lets 5 start in 1m0s."),
    (
        task_limited,
        Cause.TASK_LIMIT,
        "The task 'render' lets 1 run at once, and {holder} (render, running) holds the permit.",
    ),
    (task_paused, Cause.TASK_PAUSED, "The task 'render' is paused."),
    (task_paused_and_looked_at, Cause.TASK_PAUSED, "The task 'render' is paused."),
    (
        queue_limited,
        Cause.QUEUE_LIMIT,
        "The queue 'default' lets 1 run at once, and {holder} (render, running) holds the permit.",
    ),
    (
        queue_limited_and_looked_at,
        Cause.QUEUE_LIMIT,
        "The queue 'default' lets 1 run at once, and {holder} (render, running) holds the permit.",
    ),
    (queue_paused, Cause.QUEUE_PAUSED, "The queue 'default' is paused."),
    (nobody, Cause.NO_WORKER, "No worker is alive on this store."),
    (
        nobody_but_a_silent_one,
        Cause.NO_WORKER,
        "No worker is alive on this store: mill has not beaten for 30.0s.",
    ),
    (
        nobody_but_one_that_stops,
        Cause.NO_WORKER,
        "No worker takes jobs on this store: mill is about to stop.",
    ),
    (unserved, Cause.QUEUE_UNSERVED, "The only live worker does not serve the queue 'default'."),
    (
        unknown_here,
        Cause.TASK_UNKNOWN,
        "No live worker of the queue 'default' knows the task 'render', and kiln, which knows it, serves other queues.",
    ),
    (
        without_a_slot,
        Cause.SLOT_MISSING,
        "It needs a slot of kind 'async', and no live worker that knows its task has one.",
    ),
    (next_in_line, Cause.IN_LINE, "It is next in the queue 'default', due for 2.0s, and waits for a free slot."),
    (
        behind_others,
        Cause.IN_LINE,
        "It stands behind about 2 jobs in the queue 'default', of which the oldest has been due for 4.0s; its 1 worker "
        "ended 2.0 jobs a second so far, so it starts in about 1.0s.",
    ),
    (
        expiring,
        Cause.IN_LINE,
        "It is next in the queue 'default', due for 0ms, and waits for a free slot; it expires "
        f"{T}00:01:00Z unless it has begun.",
    ),
    (
        expired,
        Cause.IN_LINE,
        "It is next in the queue 'default', due for 1m1s, and waits for a free slot; it expired "
        f"{T}00:01:00Z, so whoever takes it cancels it.",
    ),
    (
        running,
        Cause.RUNNING,
        "It runs: attempt 1 of 4 began 12.0s ago on mill (north, pid 12), which last beat 12.0s ago; its timeout stops "
        f"the run {T}00:01:00Z (in 48.0s).",
    ),
    (
        running_without_a_timeout,
        Cause.RUNNING,
        "It runs: attempt 1 of 4 began 0ms ago on mill (north, pid 12), which last beat 0ms ago; its lease goes until "
        "2030-01-01T00:00:15Z and is renewed while the worker lives.",
    ),
    (
        stopping,
        Cause.STOPPING,
        "It was told to stop and has not ended yet: attempt 1 began 0ms ago on mill (north, pid 12), which last beat "
        "0ms ago.",
    ),
    (
        abandoned,
        Cause.LEASE_ENDED,
        "Its run on mill (north, pid 12) has not renewed its lease, which ended 5.0s ago; the next worker takes it "
        "over.",
    ),
    (completed, Cause.ENDED, f"It completed {T}00:00:00Z (1m0s ago)."),
    (failed, Cause.ENDED, f"It failed {T}00:00:00Z (0ms ago): ValueError: bad 7."),
    (cancelled, Cause.ENDED, f"It was cancelled {T}00:00:00Z (0ms ago)."),
    (purged, Cause.ENDED, f"It completed {T}00:00:00Z (1h0m ago); nothing else of it is kept."),
]


@pytest.mark.parametrize(("scene", "cause", "sentence"), SENTENCES, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_sentence_says_what_a_job_waits_for(ground: Ground, scene: Scene, cause: Cause, sentence: str) -> None:
    # Given a store where it is so
    await scene(ground)
    # When somebody asks why
    answer = await ground.why()
    # Then the sentence says all of it
    assert (answer.cause, answer.sentence) == (cause, sentence.format(**ground.ids))


def test_every_cause_has_its_sentence() -> None:
    assert {cause for _, cause, _ in SENTENCES} == set(Cause)


async def test_whom_it_waits_for_can_be_followed_by_id(ground: Ground) -> None:
    # Given a job behind two parents, and one behind a limit
    await parents(ground)
    behind = await ground.why()
    await limited(ground)
    held = await ground.why()
    # Then both name the jobs by id, task and status, the running ones first
    assert [(job.id, job.status) for job in behind.jobs] == [
        (ground.ids["first"], "running"),
        (ground.ids["second"], "scheduled"),
    ]
    assert [(job.id, job.task) for job in held.jobs] == [(ground.ids["holder"], "render")]
    assert held.bucket == "name:api"


async def test_another_owners_jobs_are_not_named(ground: Ground) -> None:
    # Given Ann's job behind a limit whose permit Bob's job holds
    limits = (Limit(bucket="name:api", concurrency=1),)
    await ground.beats()
    await ground.insert("bobs", limits=limits, owner="bob")
    await ground.claim()
    await ground.insert(limits=limits, owner="ann")
    await ground.claim()
    # When she asks / Then she hears that, and not which
    answer = await why(ground.app, ground.ids["it"], owner="ann")
    assert answer.sentence == "The limit 'name:api' lets 1 run at once, and another owner's job holds the permit."
    assert answer.jobs == ()
    with pytest.raises(JobNotFound):
        await why(ground.app, ground.ids["bobs"], owner="ann")


async def test_programs_get_the_time_the_remedy_and_the_place(ground: Ground) -> None:
    await scheduled(ground)
    assert (await ground.why()).until == "2030-01-01T01:00:00.000000Z"
    await behind_others(ground)
    answer = await ground.why()
    assert (answer.ahead, answer.ahead_is_least, answer.rate, answer.workers) == (2, False, 2.0, ("mill",))
    await queue_paused(ground)
    assert (await ground.why()).remedy == "abaca queues resume default"


async def test_a_long_line_is_looked_at_to_a_bound(ground: Ground) -> None:
    # Given 1,500 jobs before it
    for _ in range(15):
        await ground.backend.insert([NewJob(id=new_id(), task="render", lane="async") for _ in range(100)])
    await ground.insert(priority=10)
    await ground.beats(processed=20)
    # When somebody asks / Then the answer is a lower bound and says so
    answer = await ground.why()
    assert answer.ahead_is_least
    assert answer.ahead is not None
    assert 900 <= answer.ahead <= 1_000
    assert "at least" in answer.sentence


async def test_a_job_that_is_not_there_is_an_error(ground: Ground) -> None:
    ground.ids["it"] = new_id()
    with pytest.raises(JobNotFound):
        await ground.why()
