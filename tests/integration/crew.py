"""Worker processes as people start them: ``abaca worker``, stopped by signals, known by process id."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from abaca import App, Job, JobHandle

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
LOOK_AGAIN = 0.02
SHORT = {"lease": "2s", "beat": "500ms", "grace": "500ms", "drain": "5s", "process-slots": "2"}


T = TypeVar("T")


class WorkerProcess:
    """One ``abaca worker``. What it writes is in ``log``; it claims once ``start`` has returned."""

    def __init__(
        self, url: str, app: str = "tests.integration.shop:app", *, via: Sequence[str] = (), **flags: str
    ) -> None:
        words = [f"--{name.replace('_', '-')}={value}" for name, value in {**SHORT, **flags}.items()]
        self._start(
            [*via, sys.executable, "-m", "abaca", "worker", app, *words], {**os.environ, "ABACA_URL": url}, ROOT
        )

    @classmethod
    def of_command(cls, words: Sequence[str], environment: Mapping[str, str], folder: Path) -> WorkerProcess:
        """A worker that another command becomes."""
        worker = cls.__new__(cls)
        worker._start(words, environment, folder)
        return worker

    def _start(self, words: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self._log: list[str] = []
        self._ended = False
        self._said = threading.Condition()
        self._process = subprocess.Popen(
            words,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        return "".join(self._log)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def wait_says(self, *words: str, times: int = 1) -> None:
        """Until the log has any of these words so many times; an assertion fails when the worker ends without them."""
        with self._said:
            self._said.wait_for(lambda: self._ended or self.said(*words) >= times, PATIENCE)
            said = self.said(*words)
            assert said >= times, f"the worker said {words} {said} times, not {times}:\n{self.log}"

    def said(self, *words: str) -> int:
        """How often the log has any of these words."""
        log = self.log
        return sum(log.count(each) for each in words)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """The exit status, once it has ended."""
        status = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """SIGKILL; its runners end with it. Does nothing when it has ended."""
        if self.is_running:
            self._process.kill()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._hear(line)
        self._hear(None)

    def _hear(self, line: str | None) -> None:
        with self._said:
            if line is None:
                self._ended = True
            else:
                self._log.append(line)
            self._said.notify_all()


@contextmanager
def crew(url: str, count: int, app: str = "tests.integration.shop:app", **flags: str) -> Iterator[list[WorkerProcess]]:
    """So many worker processes, all started; they are killed at the end if they still run."""
    workers = [WorkerProcess(url, app, **flags) for _ in range(count)]
    try:
        for worker in workers:
            worker.wait_says("worker started")
        yield workers
    except BaseException:
        sys.stderr.writelines(worker.log for worker in workers)  # pytest shows it with the failure
        raise
    finally:
        for worker in workers:
            worker.kill()


async def stored(app: App, handles: Sequence[JobHandle[Any]]) -> list[Job]:
    """The records of these jobs, which must all be there."""
    backend = await app.backend()
    found: list[Job] = []
    for start in range(0, len(handles), 1000):
        answers = await backend.get([handle.id for handle in handles[start : start + 1000]])
        found += [job for job in answers if job is not None]
    assert len(found) == len(handles)
    return found


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """What ``look`` finds once it finds something. For what nobody can be asked to signal."""
    async with asyncio.timeout(PATIENCE):
        while (found := await look()) is None:
            await asyncio.wait((asyncio.get_running_loop().create_future(),), timeout=LOOK_AGAIN)
        return found


async def lines(path: Path, count: int) -> list[str]:
    """The lines of a file once there are so many."""

    def read() -> list[str] | None:
        found = path.read_text().split() if path.exists() else []
        return found if len(found) >= count else None

    return await eventually(lambda: asyncio.to_thread(read))


def touch(path: Path | str) -> None:
    Path(path).touch()
