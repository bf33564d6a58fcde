"""What a handler sees of its job."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from abaca.errors import CancelledByRequest, PayloadTooLarge
from abaca.model import Job, Kind
from abaca.text import plain_text, safe_repr

MAX_UPDATE_BYTES = 64_000
"""How many bytes of JSON one progress report or log line may take."""

Report = Callable[[Kind, bytes], None]
"""Takes one update of the running job. It never blocks and may be called from any thread."""

_encode = msgspec.json.Encoder().encode
_encode_loosely = msgspec.json.Encoder(enc_hook=safe_repr).encode


class CancelFlag(Protocol):
    def is_set(self) -> bool: ...


class JobLogger:
    """Log lines of one job, kept with it in the store. Values that have no JSON form are kept as their ``repr``,
    lone surrogates as escapes: no value makes a line fail but its size.

    Raises ``PayloadTooLarge`` for a line above ``MAX_UPDATE_BYTES``.
    """

    __slots__ = ("_report",)

    def __init__(self, report: Report) -> None:
        self._report = report

    def debug(self, message: str, /, **fields: Any) -> None:
        self._write("debug", message, fields)

    def info(self, message: str, /, **fields: Any) -> None:
        self._write("info", message, fields)

    def warning(self, message: str, /, **fields: Any) -> None:
        self._write("warning", message, fields)

    def error(self, message: str, /, **fields: Any) -> None:
        self._write("error", message, fields)

    def _write(self, level: str, message: str, fields: dict[str, Any]) -> None:
        line = {**fields, "level": level, "message": message}
        try:
            data = _encode_loosely(line)
        except Exception:
            data = _encode({plain_text(name): _loosely(value) for name, value in line.items()})
        self._report(Kind.LOG, _bounded(data, "a log line"))


class Ctx:
    """The running job, as its handler sees it. Every method may be called from any thread and none blocks."""

    __slots__ = ("_cancel", "_job", "_report", "deadline", "log", "max_attempts")

    def __init__(
        self,
        job: Job,
        *,
        task_max_attempts: int,
        report: Report,
        cancel: CancelFlag,
        deadline: datetime | None,
    ) -> None:
        self._job = job
        self._report = report
        self._cancel = cancel
        self.max_attempts = task_max_attempts
        self.deadline = deadline
        """When this run is stopped, in UTC; ``None`` for a task without a timeout."""
        self.log = JobLogger(report)

    @property
    def job_id(self) -> str:
        return self._job.id

    @property
    def enqueued_at(self) -> datetime:
        """When the job was stored, by the store's clock, in UTC."""
        return datetime.fromtimestamp(self._job.created_at / 1e6, UTC)

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
