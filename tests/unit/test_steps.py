"""Parts of durable steps and streams that need no worker."""

from __future__ import annotations

import functools
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from abaca import App, ConfigError, Ctx, Suspended
from abaca.backends.memory import MemoryBackend
from abaca.codec import new_id
from abaca.itemreader import ItemReader
from abaca.model import Job, Kind, Lease, NewJob, NewUpdate, Settle, State, Transition, Want
from abaca.policy.decide import decide, memo_of
from abaca.policy.outcome import Raised, Released, Snoozed
from abaca.returns import declared_result, is_async
from abaca.steps import step_text
from abaca.worker.outcomes import raised
from abaca.worker.recalling import recall
from abaca.worker.runs import Run

JOB = Job(spec=NewJob(id="a" * 32, task="t"), state=State.RUNNING, epoch=7, attempts=1)
LEASE = Lease(worker="w", ms=60_000)


def add(a: int) -> int:
    return a


async def add_async(a: int) -> int:
    return a


def add_later(a: int) -> Awaitable[int]:
    return add_async(a)


class Adder:
    def __call__(self, a: int) -> float:
        return a

    async def method(self, a: int) -> bytes:
        return b""


@pytest.mark.parametrize(
    ("fn", "type", "awaited"),
    [
        (add, int, False),
        (add_async, int, True),
        (add_later, int, False),
        (functools.partial(add_async, 3), int, True),
        (Adder(), float, False),
        (Adder().method, bytes, True),
        (Adder, Adder, False),
        (App("memory://").task(add_async), int, True),
        (lambda: 3, Any, False),
        (len, Any, False),
    ],
)
def test_the_type_of_a_result_is_what_the_function_declares(fn: Callable[..., Any], type: Any, awaited: bool) -> None:
    assert (declared_result(fn), is_async(fn)) == (type, awaited)


def test_a_step_has_a_name_of_its_own() -> None:
    assert [step_text(name) for name in ("pay", ("page", 3))] == ["pay", "page[3]"]


@pytest.mark.parametrize("name", ["", "x" * 201, "\ud800", 3, ("page", "3"), ("page",)])
def test_a_name_that_cannot_be_stored_is_refused(name: Any) -> None:
    with pytest.raises(ConfigError, match="step name"):
        step_text(name)


def test_a_context_without_a_worker_keeps_no_steps() -> None:
    ctx = Ctx(JOB, task_max_attempts=4, report=lambda kind, data: None, cancel=_NEVER, deadline=None)
    with pytest.raises(RuntimeError, match="keeps no steps"):
        ctx.step_sync("one", add, 3)
    assert ctx.step_key("one") == "a" * 32 + ":one"


class _Never:
    def is_set(self) -> bool:
        return False


_NEVER = _Never()


def test_a_suspended_run_is_uncharged_and_the_job_remembers_what_it_waits_for() -> None:
    outcome = raised(Suspended(5_000, ("paid",)), None, was_stopped=False)
    assert isinstance(outcome, Snoozed)
    assert outcome == Snoozed(delay_ms=5_000, waits=("paid",))
    transition = decide(JOB, outcome, random.random)
    assert (transition.target, transition.attempts, transition.delay_ms) == (State.WAITING, 1, 5_000)
    waiting = Job(spec=JOB.spec, memo=transition.memo)
    assert memo_of(waiting).waits == ("paid",)
    # And once it runs again, only what it waits for then counts
    again = decide(Job(spec=JOB.spec, memo=transition.memo), Snoozed(delay_ms=1), random.random)
    assert again.memo == b""


def test_a_group_of_suspensions_is_one_and_a_group_with_an_error_is_an_error() -> None:
    both = BaseExceptionGroup("", [Suspended(5_000, ("a",)), BaseExceptionGroup("", [Suspended(700, ("b", "a"))])])
    assert raised(both, None, was_stopped=False) == Snoozed(delay_ms=700, waits=("a", "b"))
    mixed = BaseExceptionGroup("", [Suspended(5_000), OSError()])
    assert isinstance(raised(mixed, None, was_stopped=False), Raised)


def test_a_suspended_run_that_was_stopped_meanwhile_waits_all_the_same() -> None:
    assert isinstance(raised(Suspended(10), Released(), was_stopped=True), Snoozed)


async def stored_log(rng: random.Random, kinds: str) -> tuple[MemoryBackend, Job, int, int]:
    """A job whose earlier run has stored entries of these kinds in a random order, and its present run."""
    backend = MemoryBackend()
    await backend.insert([NewJob(id=new_id(), task="t", lane="async")])
    want = Want(queues=("default",), slots={"async": 1})
    job = (await backend.exchange([], want, LEASE)).jobs[0]
    items = steps = 0
    updates = []
    for seq in range(1, rng.choice([0, 1, 5, 199, 200, 201, 950]) + 1):
        kind = Kind(rng.choice(kinds.split()))
        data = b'"line"'
        if kind is Kind.ITEM:
            data = b'{"offset":%d,"item":%d}' % (items, items)
            items += 1
        elif kind is Kind.STEP:
            data = b'{"name":"%d","what":"step"}' % steps
            steps += 1
        updates.append(NewUpdate(id=job.id, epoch=job.epoch, seq=seq, kind=kind, data=data))
    await backend.append(updates)
    back = Settle(id=job.id, epoch=job.epoch, to=Transition(target=State.WAITING, attempts=1))
    return backend, (await backend.exchange([back], want, LEASE)).jobs[0], items, steps


@pytest.mark.parametrize("kinds", ["item", "item log", "item log log log log log", "item step", "log step", "log"])
@pytest.mark.parametrize("seed", range(8))
async def test_a_later_run_knows_what_is_stored(kinds: str, seed: int) -> None:
    # Given a log of any shape
    backend, job, items, steps = await stored_log(random.Random(seed), kinds)
    run = Run(job, 0.0)
    # When the next run reads it, whole or from the end
    whole, end = await recall(backend, run, steps=True), await recall(backend, run, steps=False)
    # Then both know the number of items, and the whole has the steps
    assert whole.items == end.items == items
    assert [data for data, _ in whole.entries] == [b'{"name":"%d","what":"step"}' % n for n in range(steps)]


@pytest.mark.parametrize("kinds", ["item", "item log", "item log log log log log", "item step"])
@pytest.mark.parametrize("seed", range(5))
async def test_a_reader_that_begins_anywhere_has_the_rest(kinds: str, seed: int) -> None:
    # Given a log of any shape, of a job that has ended
    rng = random.Random(seed)
    backend, job, items, _ = await stored_log(rng, kinds)
    done = Transition(target=State.COMPLETED, attempts=2, result=b"1", keep_ms=60_000)
    await backend.exchange([Settle(id=job.id, epoch=job.epoch, to=done)], None, LEASE)
    app = App(backend=backend)
    for after in sorted({0, items, *(rng.randrange(items + 1) for _ in range(5))}):
        # When a reader begins at an offset
        handle = app.job(job.id)
        read = [item async for item in ItemReader(app.client(), job.id, handle._source.items, after).read()]
        # Then it has all items from there
        assert read == list(range(after, items))
    await app.close()
