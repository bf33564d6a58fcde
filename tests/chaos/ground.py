"""How tests and the handlers of ``yard`` find each other: a store, and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from abaca import App, JobHandle
from abaca.codec import new_id
from abaca.model import Job, NewJob, State
from tests.chaos import yard
from tests.worker.handlers import lines
from tests.worker.harness import PATIENCE, until

YARD = "tests.chaos.yard:app"


class Yard:
    """Tasks, by default those of ``yard``, on the test's own store, and files through which handlers and test speak."""

    def __init__(self, app: App, folder: Path, tasks: App = yard.app) -> None:
        self.app = app
        self.tasks = tasks.tasks
        self.marks, self.go_on = folder / "marks", folder / "go-on"

    async def enqueue(self, name: str, *more: object, **options: object) -> JobHandle[object]:
        """A task whose first argument is the file for marks."""
        return await self.enqueue_plain(name, str(self.marks), *more, **options)

    async def enqueue_plain(self, name: str, *args: object, **options: object) -> JobHandle[object]:
        task = self.tasks[name]
        data = task.arguments.encode(args, {})
        own: dict[str, Any] = {"id": new_id(), "task": name, "args": data, **task.options.job_fields, **options}
        await (await self.app.backend()).insert([NewJob(**own)])
        return self.app.job(own["id"])

    async def hold(self, name: str = "hold", **options: object) -> JobHandle[object]:
        return await self.enqueue(name, str(self.go_on), **options)

    async def file_comes(self, path: str | Path) -> None:
        await until(lambda: Path(path).exists(), f"{path} is there")

    async def marked(self, count: int, patience: float = PATIENCE) -> list[str]:
        await until(lambda: len(lines(self.marks)) >= count, f"{count} lines in {self.marks}", patience)
        return lines(self.marks)

    async def record(self, handle: JobHandle[Any]) -> Job:
        job = (await (await self.app.backend()).get([handle.id]))[0]
        assert job is not None
        return job

    async def becomes(self, handle: JobHandle[object], state: State) -> Job:
        async def it_is() -> bool:
            return (await self.record(handle)).state is state

        await until(it_is, f"the job is {state.name}")
        return await self.record(handle)

    async def ended(self, handle: JobHandle[Any], patience: float = 70) -> Job:
        await handle.outcome(timeout=patience)
        return await self.record(handle)
