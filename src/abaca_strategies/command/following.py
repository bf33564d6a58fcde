"""One job, followed to its end: a bar in a terminal, a line for each step where it is asked for."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bars

from abaca import ConfigError, JobHandle, JobResult, Kind, Progress
from abaca.cli import EXIT_CANCELLED, EXIT_FAILED, EXIT_OK, EXIT_TIMEOUT, Session, clean, note, print_json
from abaca_strategies.command.running import with_hands
from abaca_strategies.strategies import Strategies

R = TypeVar("R")
Follow = Annotated[bool, Parameter(negative="", help="Say each step on a line of its own, also without a terminal.")]
Wait = Annotated[
    float | None, Parameter(help="Seconds to wait at most; then the status is 4 and the job goes on. [default: no end]")
]
Detach = Annotated[bool, Parameter(negative="", help="Enqueue it for a worker, print its id, and do not wait.")]


@dataclass(frozen=True, slots=True)
class Watching:
    """How a command stays with its job."""

    session: Session
    follow: bool = False
    wait: float | None = None
    detach: bool = False
    later: str = "abaca jobs show"
    """The command that has the result of a job that was not waited for."""

    def __post_init__(self) -> None:
        if self.detach and (self.follow or self.wait is not None):
            raise ConfigError("--detach does not wait; leave out --follow and --wait")
        if self.wait is not None and self.wait < 0:
            raise ConfigError(f"--wait: {self.wait:g} s is no time to wait")

    async def watch(
        self, service: Strategies, job: JobHandle[R], what: str, told: Callable[[R], int], **also: Any
    ) -> int:
        """Follow the job, have ``told`` say its result, and answer the exit status. ``also`` stands in the JSON of a
        job that gave no result."""
        if self.detach:
            self._say({"job_id": job.id, **also}, job.id)
            note(f"a worker of the queue strategies runs it; then `{self.later} {job.id}` has its result")
            return EXIT_OK
        end = await with_hands(service, self._end(job, what))
        if end is None:
            note(f"job {job.id} was not done within {self.wait:g} s; it goes on with a worker")
            return EXIT_TIMEOUT
        if end.value is not None:
            return told(end.value)
        error = end.error.message if end.error is not None else "it left no result"
        self._say({"job_id": job.id, "status": end.status, "error": error, **also}, "")
        note(f"job {job.id} {end.status}: {error}")
        return EXIT_CANCELLED if end.status == "cancelled" else EXIT_FAILED

    async def _end(self, job: JobHandle[R], what: str) -> JobResult[R] | None:
        try:
            async with asyncio.timeout(self.wait):
                await self._shown(job, what)
                return await job.outcome()
        except TimeoutError:
            return None
        except asyncio.CancelledError:
            note(f"interrupted; job {job.id} is kept, and a worker of the queue strategies goes on with it")
            raise

    async def _shown(self, job: JobHandle[R], what: str) -> None:
        console = Console(file=sys.stderr)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[about]}"))
        is_bar = console.is_terminal and not self.follow
        with Bars(*columns, console=console, disable=not is_bar, transient=True) as bars:
            bar = bars.add_task(clean(what), total=100, about="")
            async for update in job.updates():
                if update.kind is not Kind.PROGRESS:
                    continue
                told = msgspec.json.decode(update.data, type=Progress)
                words = _words(told)
                bars.update(bar, completed=told.percent or 0, about=clean(words))
                if self.follow:
                    note(words)

    def _say(self, answer: Any, words: str) -> None:
        if self.session.json:
            print_json(answer)
        elif words:
            sys.stdout.write(f"{words}\n")


def _words(told: Progress) -> str:
    count = f"{told.done:,.0f}" + (f" of {told.total:,.0f}" if told.total else "")
    return " ".join(part for part in (told.stage, count, told.message) if part)
