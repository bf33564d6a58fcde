"""How ingests are shown: a line for each file that is done, and in a terminal bars of those under way."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Column

from abaca import Progress as Said
from abaca.cli import EXIT_FAILED, EXIT_OK, clean, note, print_json

_WORDS = {"completed": "completed", "deduplicated": "already there", "failed": "failed", "passed_over": "passed over"}
_PLAIN = {"markup": False, "highlight": False, "soft_wrap": True}


class Ending(StrEnum):
    COMPLETED = "completed"
    DEDUPLICATED = "deduplicated"
    """The collection has these bytes already, perhaps from a file of another name."""
    FAILED = "failed"
    PASSED_OVER = "passed_over"
    """Not a document; it was found in a folder and not named."""
    DELETED = "deleted"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one file."""

    path: str
    outcome: Ending
    document_id: str = ""
    chunk_count: int = 0
    chunks_embedded: int = 0
    error: str = ""

    @property
    def line(self) -> str:
        match self.outcome:
            case Ending.COMPLETED:
                noun = "chunk" if self.chunk_count == 1 else "chunks"
                about = f"completed ({self.chunk_count} {noun}, {self.chunks_embedded} embedded)"
            case Ending.FAILED:
                about = f"failed: {self.error}"
            case ending:
                about = _WORDS.get(ending, ending.value)
        return clean(f"{_short(self.path)}: {about}")


def _short(path: str) -> str:
    """As people write it from where they are, unless that leads out of there."""
    here = os.path.relpath(path)
    return path if here.startswith("..") else here


class Report:
    """``as_json`` keeps lines for one answer at the end; bars are on whichever stream is a terminal."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(file=sys.stderr if as_json else sys.stdout)
        self._bars: dict[str, TaskID] = {}
        self._shown: Progress | None = None
        self._all = TaskID(0)
        self._passed_over = 0
        self.outcomes: list[Outcome] = []

    @contextmanager
    def showing(self, total: int) -> Iterator[None]:
        columns = (
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, max_width=40)),
            BarColumn(),
            TextColumn("{task.fields[about]}", markup=False, table_column=Column(no_wrap=True)),
        )
        shown = Progress(*columns, console=self._console, disable=not self._console.is_terminal, transient=True)
        whole = MofNCompleteColumn()
        with shown:
            self._shown = shown
            self._all = shown.add_task("all", total=total, about="")
            shown.update(self._all, about=str(whole.render(shown.tasks[0])))
            try:
                yield
            finally:
                self._shown = None
                self._bars.clear()

    def progress(self, name: str, said: Said) -> None:
        shown = self._shown
        if shown is None or shown.disable:
            return
        if name not in self._bars:
            self._bars[name] = shown.add_task(clean(_short(name)), total=100, about="")
        counts = said.data if isinstance(said.data, dict) else {}
        about = f"{said.stage} {counts['done']:,}/{counts['total']:,}" if counts.get("total") else str(said.stage or "")
        shown.update(self._bars[name], completed=said.percent or 0, about=about)

    def landed(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if not self._as_json and outcome.outcome is not Ending.PASSED_OVER:
            self._console.print(outcome.line, **_PLAIN)  # type: ignore[arg-type]
        shown = self._shown
        if shown is not None and not shown.disable:
            if (bar := self._bars.pop(outcome.path, None)) is not None:
                shown.remove_task(bar)
            shown.advance(self._all)
            done = next(each for each in shown.tasks if each.id == self._all)
            shown.update(self._all, about=f"{int(done.completed):,}/{int(done.total or 0):,}")

    def end(self, collection: str) -> int:
        """Print what the outcomes come to, and forget them; answers the exit status."""
        outcomes, self.outcomes = self.outcomes, []
        counts = Counter(each.outcome for each in outcomes)
        if self._as_json:
            said: dict[str, Any] = {ending.value: counts[ending] for ending in Ending}
            print_json({"collection": collection, **said, "files": outcomes})
        else:
            told = ", ".join(
                f"{count:,} {_WORDS.get(ending, ending.value)}" for ending, count in sorted(counts.items())
            )
            note(f"collection {collection}: {told or 'there is nothing to take in'}")
        return EXIT_FAILED if counts[Ending.FAILED] else EXIT_OK
