"""What handlers write while they run: their part of the history, and the outside world that they change.

The effects are a file of their own per process, one line for each: it stands for whatever a real handler does to the
world, and the history is compared with it.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from abaca import Ctx
from abaca.errors import CancelledByRequest
from abaca.verify.history import HistoryWriter, Src, Type
from abaca.verify.prints import print_of

FOLDER = "VERIFY_FOLDER"
SURVIVED = "survived"
NAME = "VERIFY_NAME"
EFFECTS_SUFFIX = ".effects"
ORPHANS_SUFFIX = ".orphans"
PILLS_SUFFIX = ".pills"


class Notes:
    """The files of one process."""

    def __init__(self, folder: Path, p: str) -> None:
        self.pid = os.getpid()
        self.history = HistoryWriter(folder, p)
        self._orphans = folder / f"{p}{ORPHANS_SUFFIX}"
        self._pills = folder / f"{p}{PILLS_SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._effects = os.open(folder / f"{p}{EFFECTS_SUFFIX}", flags, 0o600)

    def run(self, ctx: Ctx, **args: Any) -> RunNotes:
        """Around one run of a handler, which was called with these arguments."""
        return RunNotes(self, ctx, args)

    def effect(self, job: str, epoch: int) -> None:
        os.write(self._effects, f"{job} {epoch}\n".encode())

    def pill(self, how: str) -> None:
        with self._pills.open("a") as file:
            file.write(f"{how}\n")

    def orphans(self, pids: list[int]) -> None:
        with self._orphans.open("a") as file:
            file.writelines(f"{pid}\n" for pid in pids)


class RunNotes:
    """One run: its start is written before the handler's own code, its end before the handler returns."""

    __slots__ = ("_args", "_ctx", "_ended", "_notes")

    def __init__(self, notes: Notes, ctx: Ctx, args: Mapping[str, Any]) -> None:
        self._notes = notes
        self._ctx = ctx
        self._args = args
        self._ended = False

    def __enter__(self) -> Self:
        ctx = self._ctx
        self._notes.history.write(
            Src.HANDLER,
            Type.EVENT,
            "start",
            j=ctx.job_id,
            tok=ctx.fence,
            att=ctx.attempt,
            val={"print": print_of(self._args)},
        )
        return self

    def ends(self, value: str) -> str:
        """Change the outside world, say what will be returned, and answer it."""
        self._notes.effect(self._ctx.job_id, self._ctx.fence)
        self._end("returned", print=print_of(value))
        return value

    def takes(self, pill: str) -> None:
        """A pill that may end this process. If it does not, ``survives`` is called."""
        self._notes.pill(pill)

    def survives(self) -> None:
        self._notes.pill(SURVIVED)

    def leaves(self, pids: list[int]) -> None:
        """Processes that this run started and forgot."""
        self._notes.orphans(pids)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._ended:
            return
        told_to_stop = isinstance(error, asyncio.CancelledError | CancelledByRequest)
        self._end("interrupted" if told_to_stop else "raised")

    def _end(self, how: str, **more: str) -> None:
        self._ended = True
        self._notes.history.write(
            Src.HANDLER,
            Type.EVENT,
            "end",
            j=self._ctx.job_id,
            tok=self._ctx.fence,
            val={"how": how, **more},
        )


def poisoned(folder: Path) -> Counter[str]:
    """How many processes took each pill, and under ``SURVIVED`` how many lived."""
    found: Counter[str] = Counter()
    for path in folder.glob(f"*{PILLS_SUFFIX}"):
        found.update(path.read_text().split())
    return found


_open: Notes | None = None


def notes() -> Notes:
    """This process's files, in the folder and under the name that the conductor gave in the environment."""
    global _open
    if _open is None or _open.pid != os.getpid():
        folder, name = os.environ[FOLDER], os.environ[NAME]
        _open = Notes(Path(folder), f"{name}.{os.getpid()}")
    return _open
