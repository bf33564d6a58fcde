"""What a handler sees of its job."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar, overload

import msgspec

from abaca.codec import ResultCodec
from abaca.current import request_of
from abaca.durations import Duration
from abaca.emitting import Emitter, Items
from abaca.errors import CancelledByRequest, PayloadTooLarge
from abaca.model import Job, Kind, RetryRule
from abaca.port import Port
from abaca.retryspec import Retry
from abaca.stepcalls import StepCalls, StepOptions
from abaca.steps import StepName, Steps, drive, drive_sync, step_text
from abaca.text import plain_text, safe_repr

T = TypeVar("T")

MAX_UPDATE_BYTES = 64_000
"""How many bytes of JSON one progress report or log line may take."""

Report = Callable[[Kind, bytes], None]
"""Takes one update of the running job. It never blocks and may be called from any thread."""

_encode = msgspec.json.Encoder().encode
_encode_loosely = msgspec.json.Encoder(enc_hook=safe_repr).encode


_opening = threading.RLock()
"""Two threads of a handler must not each begin the numbers of its items. One for all, because it is seldom taken."""


class CancelFlag(Protocol):
    def is_set(self) -> bool: ...


class JobLogger:
    """Log lines of one job, kept with it in the store. Values that have no JSON form are kept as their ``repr``,
    lone surrogates as escapes: no value makes a line fail but its size.

    Raises ``PayloadTooLarge`` for a line above ``MAX_UPDATE_BYTES``.
    """

    __slots__ = ("_about", "_report")

    def __init__(self, report: Report, about: Mapping[str, str] | None = None) -> None:
        self._report = report
        self._about = about or {}
        """Fields of every line."""

    def debug(self, message: str, /, **fields: Any) -> None:
        self._write("debug", message, fields)

    def info(self, message: str, /, **fields: Any) -> None:
        self._write("info", message, fields)

    def warning(self, message: str, /, **fields: Any) -> None:
        self._write("warning", message, fields)

    def error(self, message: str, /, **fields: Any) -> None:
        self._write("error", message, fields)

    def _write(self, level: str, message: str, fields: dict[str, Any]) -> None:
        line = {**self._about, **fields, "level": level, "message": message}
        try:
            data = _encode_loosely(line)
        except Exception:
            data = _encode({plain_text(name): _loosely(value) for name, value in line.items()})
        self._report(Kind.LOG, _bounded(data, "a log line"))


class Ctx(StepCalls):
    """The running job, as its handler sees it. Every method may be called from any thread.

    Reports never block. What is durable (steps, sleeps, events) waits for the store: each such method is awaited,
    and has a ``_sync`` twin for handlers that are plain functions.
    """

    __slots__ = (
        "_cancel",
        "_items",
        "_job",
        "_open_port",
        "_port",
        "_report",
        "_steps",
        "deadline",
        "log",
        "max_attempts",
    )

    def __init__(
        self,
        job: Job,
        *,
        task_max_attempts: int,
        report: Report,
        cancel: CancelFlag,
        deadline: datetime | None,
        port: Callable[[], Port] | None = None,
    ) -> None:
        self._job = job
        self._open_port = port
        self._port: Port | None = None
        self._steps: Steps | None = None
        self._items: Items | None = None
        self._report = report
        self._cancel = cancel
        self.max_attempts = task_max_attempts
        self.deadline = deadline
        """When this run is stopped, in UTC; ``None`` for a task without a timeout."""
        self.log = JobLogger(report, request_of(job))

    @property
    def job_id(self) -> str:
        return self._job.id

    @property
    def enqueued_at(self) -> datetime:
        """When the job was stored, by the store's clock, in UTC."""
        return datetime.fromtimestamp(self._job.created_at / 1e6, UTC)

    @property
    def started_at(self) -> datetime:
        """When the first run of the job began, by the store's clock, in UTC."""
        return datetime.fromtimestamp((self._job.started_at or self._job.created_at) / 1e6, UTC)

    @property
    def attempt(self) -> int:
        """Which charged run this is; the first is 1."""
        return self._job.attempt

    @property
    def fence(self) -> int:
        """A number that rises with every run of the job. Whoever remembers the highest can refuse a late writer."""
        return self._job.epoch

    @property
    def cancelled(self) -> bool:
        """Whether the run should stop: its job was cancelled, or its time is over, or its worker stops."""
        return self._cancel.is_set()

    def raise_if_cancelled(self) -> None:
        """Raise ``CancelledByRequest`` when the run should stop. Sync handlers call it between steps."""
        if self._cancel.is_set():
            raise CancelledByRequest

    def progress(
        self,
        done: float,
        total: float | None = None,
        *,
        stage: str | None = None,
        message: str | None = None,
        data: Any = None,
    ) -> None:
        """Report how far the run is. Reports in quick succession are thinned; the last one is always kept.

        Raises ``TypeError`` for ``data`` without a JSON form, ``PayloadTooLarge`` above ``MAX_UPDATE_BYTES``.
        """
        body = {"done": done, "total": total, "stage": stage, "message": message, "data": data}
        try:
            encoded = _encode(body)
        except UnicodeEncodeError:
            encoded = _encode(
                {**body, "stage": stage and plain_text(stage), "message": message and plain_text(message)}
            )
        self._report(Kind.PROGRESS, _bounded(encoded, "a progress report"))

    def opts(self, *, retry: Retry) -> StepOptions:
        """Steps with options: ``await ctx.opts(retry=Retry(max_attempts=3)).step("charge", charge, customer)``.

        ``retry`` tries a failed step again inside this run, with pauses of at most a minute; its attempts count within
        the run and are not attempts of the job.
        """
        return StepOptions(self._opened_steps(), retry.rule())

    def step_key(self, name: StepName) -> str:
        """A text that is the step's own and the same in every run: the idempotency key for what it calls."""
        return f"{self._job.id}:{step_text(name)}"

    async def sleep(self, duration: Duration, *, name: str | None = None) -> None:
        """Go on after this time, without a slot meanwhile: the run ends here, uncharged, and the job waits.

        When the time is over the handler runs again from the top, its steps answer at once, and this returns. Give a
        ``name`` where the order of several sleeps may differ from run to run. Raises ``Suspended``: let it pass.
        """
        steps = self._opened_steps()
        await drive(steps.port, steps.sleep(duration, name))

    def sleep_sync(self, duration: Duration, *, name: str | None = None) -> None:
        """The same for sync handlers."""
        steps = self._opened_steps()
        drive_sync(steps.port, steps.sleep(duration, name))

    @overload
    async def wait_event(self, name: str, *, timeout: Duration | None = None) -> Any: ...
    @overload
    async def wait_event(self, name: str, *, timeout: Duration | None = None, type: type[T]) -> T: ...
    async def wait_event(self, name: str, *, timeout: Duration | None = None, type: Any = Any) -> Any:
        """The value that ``app.send_event(job, name, value)`` gave, now or then, without a slot meanwhile.

        As with ``sleep`` the run ends and the handler runs again from the top. ``timeout`` counts from the first wait
        for this event. Raises ``EventTimeout``, ``ResultError`` for a value of another type, and ``Suspended``: let
        that pass.
        """
        steps = self._opened_steps()
        return await drive(steps.port, steps.wait_event(name, timeout, type))

    @overload
    def wait_event_sync(self, name: str, *, timeout: Duration | None = None) -> Any: ...
    @overload
    def wait_event_sync(self, name: str, *, timeout: Duration | None = None, type: type[T]) -> T: ...
    def wait_event_sync(self, name: str, *, timeout: Duration | None = None, type: Any = Any) -> Any:
        """The same for sync handlers."""
        steps = self._opened_steps()
        return drive_sync(steps.port, steps.wait_event(name, timeout, type))

    def _step_rule(self) -> RetryRule | None:
        return None

    async def emit(self, item: Any) -> int:
        """Append one item to the job's stream, for ``job.items()``; answers its offset, which no other item ever has.

        A generator handler yields its items instead. The store has acknowledged all but the last hundred items when
        this returns, and all of them when the job ends. Raises ``ResultError`` for an item without JSON form,
        ``PayloadTooLarge`` for one above the task's ``max_payload``, ``RunLost``.
        """
        items = self._opened_items()
        return await drive(items.port, items.emit(item))

    def emit_sync(self, item: Any) -> int:
        """The same for sync handlers."""
        items = self._opened_items()
        return drive_sync(items.port, items.emit(item))

    @property
    def resume_from(self) -> int:
        """The offset of the next item: as many have been emitted by this run and, stored, by those before it.

        Known in the first run, in a generator handler, after ``recall()``, and after the first ``emit()``; otherwise
        it raises ``RuntimeError``.
        """
        offset = self._opened_items().next_offset
        if offset is None:
            raise RuntimeError(f"job {self._job.id}: await ctx.recall() before ctx.resume_from, or use its answer")
        return offset

    async def recall(self) -> int:
        """Learn from the store how many items earlier runs have stored; answers ``resume_from``."""
        items = self._opened_items()
        return await drive(items.port, items.recall())

    def recall_sync(self) -> int:
        """The same for sync handlers."""
        items = self._opened_items()
        return drive_sync(items.port, items.recall())

    def items(self, codec: ResultCodec[Any]) -> Emitter:
        """For the worker: the items of a generator handler, all of one type."""
        return Emitter(self._opened_items(), codec)

    def _opened_steps(self) -> Steps:
        with _opening:
            if self._steps is None:
                self._steps = Steps(self._opened_port())
            return self._steps

    def _opened_items(self) -> Items:
        with _opening:
            if self._items is None:
                self._items = Items(self._opened_port())
            return self._items

    def _opened_port(self) -> Port:
        if self._port is None:
            if self._open_port is None:
                raise RuntimeError(
                    f"job {self._job.id}: this Ctx keeps no steps, events or items: it is of a batch, or has no worker"
                )
            self._port = self._open_port()
        return self._port


def _loosely(value: object) -> object:
    """What can be encoded of a value that cannot: its text, or its ``repr``."""
    if isinstance(value, str):
        return plain_text(value)
    try:
        return msgspec.Raw(_encode_loosely(value))
    except Exception:
        return safe_repr(value)


def _bounded(data: bytes, what: str) -> bytes:
    if len(data) > MAX_UPDATE_BYTES:
        raise PayloadTooLarge(f"{what} takes {len(data):,} bytes as JSON and the limit is {MAX_UPDATE_BYTES:,}")
    return data
