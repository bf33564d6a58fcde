"""What workers were promised to count, to say and to survive."""

from __future__ import annotations

import asyncio
from typing import Any

from structlog.testing import capture_logs

from abaca import App, Retry
from abaca.backends.memory import MemoryBackend
from abaca.testing import FailingBackend
from abaca.worker.service import Workers
from tests.worker.harness import until


async def test_statistics_are_true_under_concurrency_and_in_sum(store_url: str) -> None:
    async with App(store_url) as app:
        # Given 300 jobs of which every third fails, five more that wait for a queue without a worker, and one cancelled
        @app.task(retry=Retry(max_attempts=1))
        async def third(n: int) -> int:
            await asyncio.sleep(0)
            if n % 3 == 0:
                raise ValueError(n)
            return n

        jobs = await app.enqueue_many(third.call(n) for n in range(300))
        waiting = await app.enqueue_many(third.opts(queue="other").call(n) for n in range(6))
        await waiting[0].cancel()
        # When three workers share them
        three = Workers([app.worker(concurrency=7, name=f"w{n}") for n in range(3)])
        async with three:
            await asyncio.gather(*(job.outcome(timeout=30) for job in jobs))
            each = [worker.stats() for worker in three]
            total = three.stats()
        stats = await (await app.backend()).stats()
    # Then what each counted adds up to what happened
    assert (total.processed, total.succeeded, total.failed) == (300, 200, 100)
    assert [sum(getattr(one, name) for one in each) for name in ("processed", "succeeded", "failed")] == [300, 200, 100]
    # And the store's totals are of ended jobs, so that a rate of success leaves out what waits or was cancelled
    assert stats.totals == {"completed": 200, "failed": 100, "cancelled": 1}
    assert stats.totals["completed"] / (stats.totals["completed"] + stats.totals["failed"]) == 2 / 3
    assert sum(queue.due for queue in stats.queues) == 5


async def test_the_uptime_of_a_worker_counts_from_its_start() -> None:
    async with App("memory://") as app:
        worker = app.worker(name="alpha")
        # Given a worker that was not started
        before = worker.stats()
        async with worker:
            # When it has run for a moment
            await until(lambda: worker.stats().uptime > 0.05, "50 ms have passed")
            running = worker.stats()
        # Then the time is that since its start, and ends with it
        assert (before.name, before.is_running, before.uptime) == ("alpha", False, 0.0)
        assert running.is_running
        assert (worker.stats().is_running, worker.stats().uptime) == (False, 0.0)


async def test_the_log_line_of_a_failed_run_names_job_task_and_attempt() -> None:
    async with App("memory://") as app:
        # Given a job that fails twice
        @app.task(retry=Retry(max_attempts=2, backoff="none"))
        async def fail() -> None:
            raise ValueError("no good")

        # When it is run
        with capture_logs() as logs:
            async with app.worker(concurrency=1):
                job = await fail.enqueue()
                await job.outcome(timeout=20)
    # Then each run has one line, which says what happened and what happens next
    lines = [line for line in logs if line["event"] == "run failed"]
    assert [_named(line) for line in lines] == [
        (job.id, "fail", 1, "ValueError: no good", "waiting"),
        (job.id, "fail", 2, "ValueError: no good", "failed"),
    ]


def _named(line: Any) -> tuple[Any, ...]:
    return tuple(line[name] for name in ("job_id", "task", "attempt", "error", "next"))


async def test_a_beat_that_fails_is_logged_once_and_the_last_good_one_is_in_the_registry() -> None:
    # Given a worker that has beaten
    store = FailingBackend(MemoryBackend())
    async with App(backend=store) as app:
        with capture_logs() as logs:
            async with app.worker(lease=30, beat=0.05, name="alpha"):
                await until(lambda: store.calls["beat"] >= 2, "two beats")
                # When several of its beats are lost
                store.lose("request", "beat", times=4)
                await until(lambda: not store.pending, "four lost beats")
                stats = await (await app.backend()).stats()
    # Then one line says so, and the registry knows when it was heard last
    assert [line["event"] for line in logs].count("beat failed, trying again") == 1
    (card,) = stats.workers
    assert card.name == "alpha"
    assert 0 < card.seen_at <= stats.seen_at
