"""Runs code of strategies and cells in the sandbox, and says what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from abaca_sandbox import Limits, Mount, Preloaded, Program, obstacle
from abaca_strategies.failures import StrategyError
from abaca_strategies.models import BacktestResult
from abaca_strategies.packed import Packed
from abaca_strategies.running.answers import FILE, Ran, ran_of
from abaca_strategies.running.reporting import OnPoint, OnProgress, Reports
from abaca_strategies.running.runtime import prepare_runtime
from abaca_strategies.running.work import (
    MAX_ANSWER,
    MAX_PLOTS,
    MAX_PRINTS,
    Backtest,
    Cell,
    CellValue,
    Check,
    Checked,
    Inspect,
    Inspected,
    PointResult,
    Points,
    PointsDone,
    Screen,
    Screened,
    Work,
)

T = TypeVar("T")
LOADING = "abaca_strategies.running.inside.loading"
SCRIPT = b"from abaca_strategies.running.inside.main import main\n\nmain()\n"
DATA = "/opt/abaca/bars"
MAX_CODE = 100_000
"""Bytes."""
MIB = 1 << 20
MEMORY = 2048 * MIB
OUTPUT = 24 * MIB
"""Reports and results of points; prints are cut at ``work.MAX_PRINTS``."""
SECONDS: Mapping[type[Work], float] = {
    Inspect: 60.0,
    Backtest: 570.0,
    Screen: 270.0,
    Check: 570.0,
    Points: 570.0,
    Cell: 30.0,
}
"""Under the timeouts of the tasks, so that code which takes too long ends as such and its job completes."""


class Runner:
    """Use it in one event loop, and close it. The processes and the Python inside are there from the first use on;
    building that Python takes a minute where ``prepare_runtime`` was not called before.

    Each method answers a ``Ran``: code that fails, loops or eats memory is a failure in it. They raise
    ``SandboxUnavailable`` where this machine cannot run such code, and ``SandboxBroken`` where a run got lost.
    Cancelling kills the code. ``seconds`` is another limit than that of ``SECONDS``, of time and of processor time.
    """

    def __init__(
        self,
        *,
        slots: int = 2,
        memory: int = MEMORY,
        prints: int = MAX_PRINTS,
        plots: int = MAX_PLOTS,
        seconds: Mapping[type[Work], float] = SECONDS,
    ) -> None:
        self._slots = slots
        self._prints = min(prints, OUTPUT - MIB)
        self._plots = plots
        self._memory = memory
        self._seconds = {**SECONDS, **seconds}
        self._scripts: Preloaded | None = None
        self._opening = asyncio.Lock()

    async def inspect(
        self, work: Inspect, data: Packed | None = None, *, seconds: float | None = None
    ) -> Ran[Inspected]:
        """Load the code, and say what form it has and which parameters it declares."""
        return await self._run(work, Inspected, data, Reports(), seconds)

    async def backtest(
        self, work: Backtest, data: Packed, on_progress: OnProgress | None = None, *, seconds: float | None = None
    ) -> Ran[BacktestResult]:
        """The ids, the version and the hash in the result are the caller's to set."""
        return await self._run(work, BacktestResult, data, Reports(on_progress), seconds)

    async def screen(
        self, work: Screen, data: Packed, on_progress: OnProgress | None = None, *, seconds: float | None = None
    ) -> Ran[Screened]:
        """What the strategy says of each ticker at ``work.end``."""
        return await self._run(work, Screened, data, Reports(on_progress), seconds)

    async def check(
        self, work: Check, data: Packed, on_progress: OnProgress | None = None, *, seconds: float | None = None
    ) -> Ran[Checked]:
        """Look-ahead and warm-up."""
        return await self._run(work, Checked, data, Reports(on_progress), seconds)

    async def points(
        self,
        work: Points,
        data: Packed,
        on_progress: OnProgress | None = None,
        on_point: OnPoint | None = None,
        *,
        seconds: float | None = None,
    ) -> Ran[list[PointResult]]:
        """The points one after the other. ``on_point`` gets each as soon as it is done; the value has all that were
        done, also beside a failure, which is of the first point that is missing."""
        reports = Reports(on_progress, on_point, frozenset(point.number for point in work.points))
        ran = await self._run(work, PointsDone, data, reports, seconds)
        found = [reports.points[point.number] for point in work.points if point.number in reports.points]
        fields = {name: getattr(ran, name) for name in ran.__struct_fields__}
        return Ran(**{**fields, "value": found})

    async def cell(
        self,
        work: Cell,
        data: Packed | None = None,
        on_progress: OnProgress | None = None,
        *,
        seconds: float | None = None,
    ) -> Ran[CellValue]:
        """A cell of an agent."""
        return await self._run(work, CellValue, data, Reports(on_progress), seconds)

    async def open(self) -> None:
        """Build and start what is not there yet; otherwise the first run does it."""
        async with self._opening:
            if self._scripts is None:
                runtime, code = await asyncio.to_thread(prepare_runtime)
                scripts = Preloaded(runtime, (LOADING,), slots=self._slots, path=(code,))
                await scripts.open()
                self._scripts = scripts

    async def close(self) -> None:
        """End what runs. The next use opens it anew."""
        scripts, self._scripts = self._scripts, None
        if scripts is not None:
            await scripts.close()

    async def _run(
        self, work: Work, kind: type[T], data: Packed | None, reports: Reports, seconds: float | None
    ) -> Ran[T]:
        code = work.code.encode("utf-8", "replace")
        if len(code) > MAX_CODE:
            raise StrategyError(f"the code has {len(code)} bytes; at most {MAX_CODE} are run")
        await self.open()
        scripts = self._scripts
        assert scripts is not None
        work = msgspec.structs.replace(work, code="", prints=self._prints, plots=self._plots)
        files = {"main.py": SCRIPT, "strategy.py": code, "request.json": msgspec.json.encode(work)}
        argv, mounts = ["main.py"], list[Mount]()
        if data is not None:
            if isinstance(data.content, Path) and obstacle(data.content) is None:
                mounts.append(Mount(data.content, DATA))
                argv.append(DATA)
            else:
                files["bars"] = await asyncio.to_thread(data.bytes)
                argv.append("bars")
        program = Program(argv=tuple(argv), files=files, mounts=tuple(mounts), collect=(FILE,))
        limits = self._limits(seconds or self._seconds[type(work)], sum(map(len, files.values())))
        outcome = await scripts.run(program, limits, on_output=reports.take)
        return await asyncio.to_thread(ran_of, outcome, limits, kind, prints=self._prints, plots=self._plots)

    def _limits(self, seconds: float, given: int) -> Limits:
        return Limits(
            wall=seconds,
            cpu=seconds,
            memory=self._memory,
            processes=32,
            output=OUTPUT,
            work=given + MAX_ANSWER + 64 * MIB,
            file_size=max(given, MAX_ANSWER) + MIB,
            collected=MAX_ANSWER,
        )
