"""One job, followed to its end with a bar in a terminal."""

from __future__ import annotations

import sys
from typing import TypeVar

import msgspec
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bars

from abaca import JobHandle, JobResult, Kind, Progress
from abaca.cli import clean

R = TypeVar("R")


async def followed(job: JobHandle[R], what: str, *, as_json: bool) -> JobResult[R]:
    console = Console(file=sys.stderr if as_json else sys.stdout)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[about]}"))
    with Bars(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        bar = bars.add_task(clean(what), total=100, about="")
        async for update in job.updates():
            if update.kind is Kind.PROGRESS:
                said = msgspec.json.decode(update.data, type=Progress)
                bars.update(bar, completed=said.percent or 0, about=f"{said.stage or ''} {said.done:,.0f}")
    return await job.outcome()
