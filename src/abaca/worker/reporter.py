"""Progress and log lines on their way to the store: coalesced, batched, never in a handler's way."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from abaca.backend import MAX_BATCH, MAX_BATCH_BYTES, Backend
from abaca.buggify import buggify
from abaca.errors import BackendUnavailable
from abaca.logs import worker_log
from abaca.model import Kind, NewUpdate, Verdict
from abaca.worker.runs import Run, StopReason

_INTERVAL = 0.1
_LONGEST_PAUSE = 2.0
_MAX_PENDING = 1000

Entry = tuple[Run, NewUpdate]


class Reporter:
    """Gathers reports from any thread and appends them, at most one progress entry per job and interval."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._pending: dict[Run, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._flushing = asyncio.Lock()
        self._closed = False
        self._flushes: set[asyncio.Task[None]] = set()

    def report(self, run: Run, kind: Kind, data: bytes) -> None:
        """Note one report. Never blocks; the oldest log lines go first when a handler floods."""
        with self._lock:
            reports = run.reports
            if reports is None:
                reports = run.reports = []
            if kind is Kind.PROGRESS and reports and reports[-1][0] is Kind.PROGRESS:
                reports[-1] = (kind, data)
            else:
                reports.append((kind, data))
                if len(reports) > _MAX_PENDING:
                    del reports[0]
            first = not self._pending
            self._pending[run] = None
        if first:
            with contextlib.suppress(RuntimeError):  # the loop is closed: this process is ending
                self._loop.call_soon_threadsafe(self._schedule)

    def _schedule(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(_INTERVAL, self._flush_soon)

    def _flush_soon(self) -> None:
        self._timer = None
        task = self._loop.create_task(self.flush())
        self._flushes.add(task)
        task.add_done_callback(self._flushes.discard)

    async def flush(self) -> None:
        """Append all that is pending; while the store is away this waits for it."""
        async with self._flushing:
            with self._lock:
                runs, self._pending = list(self._pending), {}
                entries = [(run, update) for run in runs for update in self._number(run)]
            for batch in _batches(entries):
                await self._append(batch)

    def close(self) -> None:
        """Wait for the store no longer."""
        self._closed = True

    def _number(self, run: Run) -> list[NewUpdate]:
        reports, run.reports = run.reports or [], None
        id, epoch = run.key
        updates = []
        for kind, data in reports:
            run.seq += 1
            updates.append(NewUpdate(id=id, epoch=epoch, seq=run.seq, kind=kind, data=data))
        return updates

    async def _append(self, batch: list[Entry]) -> None:
        pause = _INTERVAL
        while not self._closed:
            buggify("reporter.before_append")
            try:
                verdicts = await self._backend.append([update for _, update in batch])
            except BackendUnavailable:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except Exception as error:
                worker_log().error("the store refuses these reports; dropped", entries=len(batch), error=repr(error))
                return
            else:
                self._stop_stale(batch, verdicts)
                return

    def _stop_stale(self, batch: list[Entry], verdicts: list[Verdict]) -> None:
        for (run, _), verdict in zip(batch, verdicts, strict=True):
            if verdict is Verdict.STALE and run.stop_reason is None:
                run.stop_reason = StopReason.LOST
                if run.halt is not None:
                    run.halt()


def _batches(entries: list[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        batch.append(entry)
        size += len(entry[1].data)
        if len(batch) == MAX_BATCH or size >= MAX_BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
