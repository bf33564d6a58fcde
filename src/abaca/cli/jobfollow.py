"""``abaca jobs follow``: a job as it goes, with a bar in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any, Protocol, TextIO

import msgspec
from cyclopts import Parameter

from abaca.app import App
from abaca.cli.jobview import job_id, log_line, update_json, update_line
from abaca.cli.output import clean, note
from abaca.cli.session import Given
from abaca.cli.status import EXIT_CANCELLED, EXIT_FAILED, EXIT_OK
from abaca.model import Job, Kind, Progress, State, Update
from abaca.views.why import why
from abaca.views.words import counted, span

_STATUS = {State.COMPLETED: EXIT_OK, State.FAILED: EXIT_FAILED, State.CANCELLED: EXIT_CANCELLED}
_UNIT = 1000
"""The bar's own steps: progress may count in fractions, and in anything."""


class Screen(Protocol):
    """Where updates go."""

    def __enter__(self) -> Screen: ...

    def __exit__(self, *exc: object) -> None: ...

    def show(self, update: Update) -> None: ...


def follow(
    id: str,
    /,
    *,
    after: Annotated[int, Parameter(help="Only updates above this id.")] = 0,
    session: Given,
) -> int:
    """Show a job's updates as they come, with a bar in a terminal, until it has ended.

    Exit status: 0 it completed, 1 it failed, 3 it was cancelled. Ctrl-C ends the watching and not the job.
    """
    return session.run(lambda app: follow_job(app, job_id(id), as_json=session.json, after=after))


async def follow_job(app: App, id: str, *, as_json: bool, out: TextIO | None = None, after: int = 0) -> int:
    """Follow to the end and answer the exit status; ``out`` is where updates go, else standard output."""
    job = await app.job(id).info()
    if job.state is State.WAITING and not as_json:
        answer = await why(app, id)
        note(f"{answer.status}: {answer.sentence}")
    with _screen(sys.stdout if out is None else out, as_json=as_json) as screen:
        async for update in app.job(id).updates(after):
            screen.show(update)
    job = await app.job(id).info()
    if not as_json:
        note(_end(job))
    return _STATUS[job.state]


def _screen(out: TextIO, *, as_json: bool) -> Screen:
    if as_json:
        return Lines(out, update_json)
    return Bar(out) if out.isatty() else Lines(out, update_line)


class Lines:
    """One line for each update, at once."""

    def __init__(self, out: TextIO, text: Callable[[Update], str]) -> None:
        self._out, self._text = out, text

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def show(self, update: Update) -> None:
        print(self._text(update), file=self._out, flush=True)


class Bar:
    """Log lines and errors scroll; below them a bar of how far the job is."""

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(
                None, style="bright_black", complete_style="cyan", finished_style="green", pulse_style="bright_black"
            ),
            TextColumn("{task.fields[far]}", markup=False),
            console=Console(file=out, highlight=False),
            transient=True,
        )
        self._task = self._progress.add_task("queued", total=None, far="")

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._progress.stop()

    def show(self, update: Update) -> None:
        match update.kind:
            case Kind.PROGRESS if (said := _progress(update)) is not None:
                self._advance(said)
            case Kind.STATUS:
                self._progress.update(self._task, description=clean(_text(update)))
            case Kind.LOG | Kind.GAP:
                self._print(log_line(update), _STYLES.get(_level(update), ""))
            case Kind.ERROR:
                self._print(update_line(update), "red")
            case _:
                self._print(update_line(update), "")

    def _advance(self, said: Progress) -> None:
        percent = said.percent
        far = f"{said.done:g}" if percent is None else f"{percent:.0f}%"
        words = " ".join(clean(word) for word in (said.stage, said.message) if word)
        self._progress.update(
            self._task,
            description=words[:40] or "running",
            total=None if percent is None else 100 * _UNIT,
            completed=0 if percent is None else percent * _UNIT,
            far=far,
        )

    def _print(self, line: str, style: str) -> None:
        from rich.text import Text

        self._progress.console.print(Text(line, style=style), soft_wrap=True)


_STYLES = {"warning": "yellow", "error": "red", "critical": "bold red"}


def _level(update: Update) -> str:
    line = _value(update)
    return str(line.get("level", "")).lower() if isinstance(line, dict) else ""


def _text(update: Update) -> str:
    return str(_value(update))


def _value(update: Update) -> Any:
    try:
        return msgspec.json.decode(update.data)
    except msgspec.DecodeError:
        return None


def _progress(update: Update) -> Progress | None:
    try:
        return msgspec.json.decode(update.data, type=Progress)
    except msgspec.MsgspecError:
        return None


def _end(job: Job) -> str:
    took = ""
    if job.ended_at is not None and job.claimed_at is not None:
        took = f" after {span((job.ended_at - job.claimed_at) / 1e6)}"
    tried = f", {counted(job.attempts, 'attempt')}" if job.attempts > 1 else ""
    error = f": {job.error}" if job.error is not None and job.state is not State.COMPLETED else ""
    return f"{job.status}{took}{tried}{error}"
