"""What clients write into the history of a run, and what the judge makes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from abaca import App
from abaca.backends.memory import MemoryBackend
from abaca.client import PAUSES
from abaca.model import Lease, Requeued, State, Want
from abaca.testing.failing import FailingBackend
from abaca.verify import Event, read_history
from abaca.verify.calls import Calls
from abaca.verify.closing import asked_for, weigh_effects
from abaca.verify.outcome import Effects

TRIES = len(PAUSES) + 1


@pytest.fixture
def store() -> FailingBackend:
    return FailingBackend(MemoryBackend())


@pytest.fixture
async def app(store: FailingBackend) -> AsyncIterator[App]:
    async with App(backend=store) as app:

        @app.task
        async def work(n: int) -> int:
            return n

        yield app


@pytest.fixture
def calls(app: App, tmp_path: Path) -> Calls:
    return Calls(app, tmp_path, "client-1")


def written(folder: Path) -> list[Event]:
    return list(read_history(folder))


async def test_an_enqueue_is_written_before_and_after_with_every_job(app: App, calls: Calls, tmp_path: Path) -> None:
    # When
    batch = [app.tasks["work"].call(n) for n in range(3)]
    handles = await calls.enqueue(batch)
    # Then
    assert handles is not None
    begun, done = written(tmp_path)
    assert (begun.type, done.type) == ("invoke", "ok")
    assert begun.op == done.op
    assert [item.id for item in begun.items] == [handle.id for handle in handles]
    assert calls.acked == 3
    assert asked_for(tmp_path) == [handle.id for handle in handles]


async def test_an_enqueue_of_unknown_outcome_stays_open_and_may_be_repeated(
    app: App, store: FailingBackend, calls: Calls, tmp_path: Path
) -> None:
    # Given a store that does what it is asked and whose answers are lost
    store.lose("reply", "insert", TRIES)
    batch = [app.tasks["work"].call(1)]
    # When it is tried, and tried again
    assert await calls.enqueue(batch) is None
    assert await calls.enqueue(batch) is not None
    # Then the first try is unknown, and the second tells that the job was there already
    events = written(tmp_path)
    assert [event.type for event in events] == ["invoke", "info", "invoke", "ok"]
    assert events[3].val == {"known": [batch[0].job.id]}
    assert calls.unknown == 1
    assert calls.acked == 0


async def test_a_key_that_is_held_names_its_holder(app: App, calls: Calls, tmp_path: Path) -> None:
    task = app.tasks["work"].opts(key="one")
    first, second = task.call(1), task.call(2)
    await calls.enqueue([first])
    await calls.enqueue([second])
    assert written(tmp_path)[-1].val == {"held": {second.job.id: first.job.id}}


async def test_cancels_and_requeues_are_written_with_their_answers(app: App, calls: Calls, tmp_path: Path) -> None:
    # Given a waiting job
    handles = await calls.enqueue([app.tasks["work"].call(1)])
    assert handles is not None
    # When it is cancelled, waited for, and requeued
    await calls.cancel(handles[0])
    result = await calls.wait(handles[0], 20)
    await calls.requeue(handles[0])
    # Then
    assert result is not None
    answers = {event.f: event.val for event in written(tmp_path) if event.type == "ok"}
    assert answers["cancel"] == "ended"
    assert answers["wait"]["status"] == "cancelled"
    assert answers["requeue"] == "requeued"
    assert (await handles[0].info()).state is State.WAITING


async def test_a_requeue_repeated_too_late_is_of_unknown_outcome(
    app: App, store: FailingBackend, calls: Calls, tmp_path: Path
) -> None:
    # Given a job that was cancelled, and a store that requeues it, loses the answer, and sees it end again meanwhile
    handles = await calls.enqueue([app.tasks["work"].call(1)])
    assert handles is not None
    await calls.cancel(handles[0])
    requeue = store.inner.requeue

    async def slow_line(runs: Sequence[tuple[str, int]]) -> list[Requeued]:
        answer = await requeue(runs)
        await store.inner.exchange([], Want(queues=("default",), slots={"async": 1}), Lease(worker="w", ms=60_000))
        return answer

    store.inner.requeue = slow_line  # type: ignore[method-assign]
    store.lose("reply", "requeue")
    # When
    assert await calls.requeue(handles[0]) is None
    # Then
    assert written(tmp_path)[-1].type == "info"


def test_each_completed_job_must_have_had_its_effect_in_its_last_run(tmp_path: Path) -> None:
    # Given effects of two processes, one killed in the middle of a line
    (tmp_path / "worker-1.7.effects").write_text("a 1\nb 1\nb 2\n")
    (tmp_path / "worker-2.8.effects").write_text("c 3\na")
    # When
    effects, wrong = weigh_effects(tmp_path, {"a": 1, "b": 2, "c": 2})
    # Then
    assert effects == Effects(lines=4, jobs=3)
    assert effects.more_than_once == 1
    assert wrong == ["c is completed at epoch 2 and had no effect then"]
