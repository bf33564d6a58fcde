"""Lines of standard ``logging`` inside a handler, kept in its job's log like those of ``ctx.log``."""

from __future__ import annotations

import importlib
import logging
import traceback
from collections.abc import Callable
from typing import Protocol

import msgspec

from abaca.current import CurrentRun, current_run, request_of
from abaca.model import Job, Kind
from abaca.policy.outcome import Outcome
from abaca.text import plain_text
from abaca.worker.middleware import CallNext, Middleware

MOST_LINES = 1_000
"""Lines of one run that are kept; a last one says that there were more."""
MOST_CHARACTERS = 8_000
"""Of one message or traceback; the rest is cut off."""

Scrub = Callable[[dict[str, str]], dict[str, str] | None]
"""Takes the fields of a line and answers those to keep, or ``None`` for no line."""

_encode = msgspec.json.Encoder().encode


class Capturing(Protocol):
    """What is captured for."""

    def add_middleware(self, middleware: Middleware) -> Middleware: ...


def capture(app: Capturing, level: str = "info", *, scrub: Scrub | None = None) -> None:
    """From now on lines that handlers of this app write with ``logging``, at ``level`` or above, go into the job's log.

    They still go where they went before. Fields of a line are ``message``, ``level``, ``logger`` and, with an
    exception, ``traceback``; ``scrub`` sees them before they are kept. Call it in the module of the app: processes
    that run jobs import it too. A root logger that nobody has set up is set to ``level``. Handlers of batch tasks work
    for many jobs at once: their lines are not captured.

    Raises ``ValueError`` for a level that ``logging`` does not know.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"capture(level={level!r}): no level of standard logging; use 'debug', 'info', 'warning', ...")
    root = logging.getLogger()
    if not root.handlers:
        root.setLevel(min(number, root.level))
    root.addHandler(_JobHandler(number, scrub))
    app.add_middleware(_named)


async def _named(job: Job, call_next: CallNext) -> Outcome | None:
    """Lines that go through structlog say which job they are of."""
    about = {"job_id": job.id, "task": job.spec.task, "attempt": job.attempt, **request_of(job)}
    with importlib.import_module("structlog.contextvars").bound_contextvars(**about):
        return await call_next(job)


class _JobHandler(logging.Handler):
    def __init__(self, level: int, scrub: Scrub | None) -> None:
        super().__init__(level)
        self._scrub = scrub

    def emit(self, record: logging.LogRecord) -> None:
        run = current_run.get()
        try:
            if run is not None:
                self._keep(run, record)
        except Exception:
            self.handleError(record)
        self._pass_on(record)

    def _pass_on(self, record: logging.LogRecord) -> None:
        """Where nobody has set logging up, a handler on the root must not silence what was seen without it."""
        last = logging.lastResort
        if last is not None and record.levelno >= last.level and logging.getLogger().handlers == [self]:
            last.handle(record)

    def _keep(self, run: CurrentRun, record: logging.LogRecord) -> None:
        count = run.count_line()
        if count > MOST_LINES + 1:
            return
        if count > MOST_LINES:
            fields = {"level": "warning", "message": f"more than {MOST_LINES:,} lines; further ones are not kept"}
        else:
            fields = {**_fields(record), **request_of(run.job)}
        kept = fields if self._scrub is None else self._scrub(fields)
        if kept is not None:
            run.report(Kind.LOG, _encode({name: plain_text(value) for name, value in kept.items()}))


def _fields(record: logging.LogRecord) -> dict[str, str]:
    fields = {"level": record.levelname.lower(), "message": _cut(record.getMessage()), "logger": record.name}
    if record.exc_info is not None and record.exc_info[0] is not None:
        fields["traceback"] = _cut("".join(traceback.format_exception(*record.exc_info)), end=True)
    return fields


def _cut(text: str, *, end: bool = False) -> str:
    """A traceback says most at its end."""
    if len(text) <= MOST_CHARACTERS:
        return text
    return "..." + text[-MOST_CHARACTERS:] if end else text[:MOST_CHARACTERS] + "..."
