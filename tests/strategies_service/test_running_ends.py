"""How back-tests end that do not end by themselves: killed, cancelled, endless, greedy, or without a free slot."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import cast

import pytest

from abaca import App, JobHandle
from abaca_strategies.models import BacktestResult
from abaca_strategies.requests import BacktestRequest, PythonAgentRequest
from abaca_strategies.running import runner as running
from abaca_strategies.running.work import Backtest
from abaca_strategies.strategies import Strategies
from abaca_strategies.tasks import turns
from tests.integration.crew import crew, eventually
from tests.strategies_service.authors import CROSS

pytestmark = pytest.mark.timeout(180)
MEMORY = 256 << 20
ENDLESS = "    while True: pass\n"


def named(name: str, then: str) -> str:
    """A strategy whose process is seen under this name on the machine."""
    return f"def signals(df, params):\n    open('/proc/self/comm', 'w').write({name!r})\n{then}"


def seen(name: str) -> list[int]:
    """The processes of that name."""
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):  # it ended meanwhile
            if path.read_text().strip() == name:
                found.append(int(path.parent.name))
    return found


async def until(holds: Callable[[], bool]) -> None:
    async def look() -> bool | None:
        return holds() or None

    await eventually(look)


async def until_seen(name: str, is_there: bool = True) -> None:
    await until(lambda: bool(seen(name)) == is_there)


@pytest.fixture
def mark() -> str:
    return f"st{uuid.uuid4().hex[:10]}"


@asynccontextmanager
async def working() -> AsyncIterator[Strategies]:
    app = App("memory://", plugins=["strategies"])
    async with app, app.worker(queues=["strategies"], beat=0.2):
        yield Strategies.of(app)


@pytest.fixture
async def one_slot(prepared: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Strategies]:
    monkeypatch.setenv("ABACA_STRATEGIES_SLOTS", "1")
    monkeypatch.setenv("ABACA_STRATEGIES_MEMORY", str(MEMORY))
    async with working() as service:
        yield service


async def enqueued(service: Strategies, code: str) -> JobHandle[BacktestResult]:
    made = await service.registry.create(name="one", python_code=code)
    return await service.backtest.enqueue(BacktestRequest(strategy_id=made.strategy_id, symbols=["SYN01"]))


@pytest.mark.chaos
@pytest.mark.slow
async def test_a_back_test_whose_worker_is_killed_is_tried_again_and_ends_once(
    prepared: None, tmp_path: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a back-test that takes a while, in the sandbox of a worker process
    url = f"sqlite:///{tmp_path}/jobs.db"
    monkeypatch.setenv("ABACA_STRATEGIES_MEMORY", str(MEMORY))
    async with App(url, plugins=["strategies"]) as app:
        service = Strategies.of(app)
        take_long = "    import time; time.sleep(3)\n    return (df['close'] > 0) * 1.0\n"
        job = await enqueued(service, named(mark, take_long))
        with crew(url, 2, "tests.strategies_service.aboard:app", queues="strategies") as workers:
            await until_seen(mark)
            at, first = (await job.info()).worker, seen(mark)
            victim = next(worker for worker in workers if str(worker.pid) in str(at))
            # When that worker is killed
            os.kill(victim.pid, signal.SIGKILL)
            victim.kill()
            # Then the strategy's process goes with it, and the other worker runs it again to the end
            await until(lambda: not set(first) & set(seen(mark)))
            result = await job.result(timeout=120)
        info = await job.info()
        assert result.success
        assert info.epoch >= 2
        # And there is one run, and no process is left
        assert [run.job_id for run in (await service.runs.list()).items] == [job.id]
        await until_seen(mark, False)


async def test_cancelling_ends_an_enqueued_and_a_running_back_test(one_slot: Strategies, mark: str) -> None:
    # Given a back-test that never ends, and another one behind it
    first = await enqueued(one_slot, named(mark, ENDLESS))
    second = await enqueued(one_slot, named(f"{mark}b", ENDLESS))
    await until_seen(mark)
    # When both are cancelled
    await second.cancel()
    await first.cancel()
    # Then both end so, the code in the sandbox is gone, and what comes next is run
    assert [(await job.outcome(timeout=30)).status for job in (first, second)] == ["cancelled", "cancelled"]
    await until_seen(mark, False)
    assert seen(f"{mark}b") == []
    assert (await (await enqueued(one_slot, CROSS)).result(timeout=50)).success
    # And a run that was cancelled is not in the list of those that ended
    assert {run.success for run in (await one_slot.runs.list()).items} == {True}


async def test_endless_and_greedy_strategies_end_with_the_reason_while_others_run_on(
    prepared: None, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given two slots, and less time than ten minutes
    monkeypatch.setenv("ABACA_STRATEGIES_MEMORY", str(MEMORY))
    monkeypatch.setitem(cast("dict[type, float]", running.SECONDS), Backtest, 4.0)
    async with working() as service:
        # When one strategy never ends and one takes all memory, beside others
        greedy = "    held = []\n    while True: held.append(bytearray(1 << 20))\n"
        endless = await enqueued(service, named(mark, ENDLESS))
        hungry = await enqueued(service, named(f"{mark}h", greedy))
        modest = [await enqueued(service, CROSS) for _ in range(3)]
        results = [await job.result(timeout=100) for job in (endless, hungry, *modest)]
        # Then the two are finished jobs with their reason, and the others went well
        assert [result.success for result in results] == [False, False, True, True, True]
        assert (results[0].error_message or "").startswith("timeout: ")
        assert (results[1].error_message or "").startswith("memory_limit: ")
        assert [(await job.info()).attempts for job in (endless, hungry)] == [1, 1]
        kept = {run.job_id: run.error for run in (await service.runs.list()).items}
        assert (kept[endless.id], kept[modest[0].id]) == (results[0].error_message, None)


async def test_a_run_without_a_free_slot_goes_back_to_its_queue_uncharged(
    one_slot: Strategies, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a cell on the one slot, and a back-test that is claimed beside it
    monkeypatch.setattr(turns, "PATIENCE", 0.2)
    snoozed = counted(monkeypatch)
    busy = await one_slot.python_agent.enqueue(
        PythonAgentRequest(code=f"open('/proc/self/comm', 'w').write({mark!r})\nimport time\ntime.sleep(100)")
    )
    await until_seen(mark)
    waiting = await enqueued(one_slot, CROSS)
    # When it has found no slot, and then there is one
    await until(lambda: snoozed() >= 1)
    await busy.cancel()
    # Then it waited in its queue until the slot was free, and none of that counts as an attempt
    assert (await waiting.result(timeout=50)).success
    info = await waiting.info()
    assert (info.attempts, info.losses) == (1, 0)
    assert info.epoch > 1


def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    times = 0
    inner = running.Runner.turn

    @asynccontextmanager
    async def turn(self: running.Runner, within: float) -> AsyncIterator[None]:
        nonlocal times
        try:
            async with inner(self, within):
                yield
        except running.Busy:
            times += 1
            raise

    monkeypatch.setattr(running.Runner, "turn", turn)
    return lambda: times
