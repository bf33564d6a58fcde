"""Pills and killed workers together: the bound on starts holds in every interleaving. ``ABACA_TEST_SEED`` picks one."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca import App
from abaca.model import State
from tests.chaos import census, pills
from tests.chaos.ground import Yard
from tests.integration.crew import WorkerProcess
from tests.worker.handlers import lines

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(240)]
KILLS = int(os.environ.get("ABACA_TEST_KILLS", "3"))
FLAGS = {"lease": "1s", "beat": "250ms", "grace": "300ms", "concurrency": "40"}
DEADLY = ("segfault", "exit_zero", "kill_itself", "kill_its_parent", "abort")
BUDGET = 3
LOSSES = 2


@pytest.fixture
async def ground(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Yard]:
    async with App(sqlite_url) as app:
        yield Yard(app, tmp_path, pills.app)


async def test_no_handler_starts_more_often_than_its_budget_and_two_losses(ground: Yard, sqlite_url: str) -> None:
    # Given: two workers, a steady stream of innocents, and a pill of each deadly kind among them
    rng = random.Random(int(os.environ.get("ABACA_TEST_SEED", "11")))
    ground.go_on.touch()
    crowd, guilty = [], []

    async def enqueue(round: int) -> None:
        crowd.extend([await ground.enqueue("innocent", round * 100 + n, rng.choice((5, 60, 400))) for n in range(20)])
        guilty.append(
            await ground.enqueue("take_when", str(ground.go_on), f"{DEADLY[round % len(DEADLY)]}", priority=60)
        )
        crowd.extend(
            [await ground.enqueue("innocent", round * 100 + 50 + n, rng.choice((5, 60, 400))) for n in range(20)]
        )

    workers = [WorkerProcess(sqlite_url, "tests.chaos.pills:app", **FLAGS) for _ in range(2)]
    try:
        for worker in workers:
            await asyncio.to_thread(worker.wait_says, "worker started")

        # When: meanwhile workers are killed, their supervisor only or one process of theirs, whichever it is
        for round in range(KILLS):
            await enqueue(round)
            await asyncio.sleep(rng.uniform(0.1, 0.9))  # sleeps: the random point
            victim = rng.choice(workers)
            if rng.random() < 0.5:
                census.freeze([rng.choice(census.below(victim.pid) or [victim.pid])], signal.SIGKILL)
            else:
                await asyncio.to_thread(victim.kill)
                workers[workers.index(victim)] = fresh = WorkerProcess(sqlite_url, "tests.chaos.pills:app", **FLAGS)
                await asyncio.to_thread(fresh.wait_says, "worker started")
        innocents = [await ground.ended(job, 90) for job in crowd]
        poisons = [await ground.ended(job, 90) for job in guilty]
    finally:
        for worker in workers:
            await asyncio.to_thread(worker.kill)

    # Then: each pill failed after its own attempts, and each innocent completed
    assert {(job.state, job.attempts) for job in poisons} == {(State.FAILED, BUDGET)}
    assert {job.state for job in innocents} == {State.COMPLETED}
    assert all(job.losses <= LOSSES for job in (*poisons, *innocents))
    # And: nothing started more often than it may
    starts = Counter(line.rpartition(":")[0] for line in lines(ground.marks))
    kinds = Counter(DEADLY[round % len(DEADLY)] for round in range(KILLS))
    for name, count in starts.items():
        assert count <= kinds.get(name, 1) * (BUDGET + LOSSES), (name, count)
    charged = sum(job.attempts > 1 for job in innocents)
    print(f"kills={KILLS} innocents={len(innocents)} lost={sum(job.losses for job in innocents)} charged={charged}")  # noqa: T201
