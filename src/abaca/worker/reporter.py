"""What runs append to their logs: progress and log lines, coalesced and never in a handler's way, and steps and items,
which somebody waits for. All of one run travel in one order."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from abaca.backend import MAX_BATCH, MAX_BATCH_BYTES, Backend
from abaca.buggify import buggify
from abaca.errors import BackendUnavailable, CancelledByRequest
from abaca.logs import worker_log
from abaca.model import Kind, NewUpdate, Verdict
from abaca.port import Stored
from abaca.worker.runs import Run

_INTERVAL = 0.1
_LONGEST_PAUSE = 2.0
_MAX_PENDING = 1000


@dataclass(frozen=True, slots=True)
class _Entry:
    run: Run
    update: NewUpdate
    stored: Stored | None = None


class Reporter:
    """Gathers reports from any thread and appends them, at most one progress entry per job and interval."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.loop = asyncio.get_running_loop()
        self._durable: list[tuple[Run, Kind, bytes, Stored]] = []
        self._hurry: asyncio.Task[None] | None = None
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
                self.loop.call_soon_threadsafe(self._schedule)

    def store(self, run: Run, kind: Kind, data: bytes, stored: Stored) -> None:
        """Append one entry that is never dropped, as soon as may be; those of one moment travel together."""
        if self._closed:
            stored(_closing(run))
            return
        self._durable.append((run, kind, data, stored))
        if self._hurry is None:
            self._hurry = self.loop.create_task(self.flush())

    def _schedule(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = self.loop.call_later(_INTERVAL, self._flush_soon)

    def _flush_soon(self) -> None:
        self._timer = None
        task = self.loop.create_task(self.flush())
        self._flushes.add(task)
        task.add_done_callback(self._flushes.discard)

    async def flush(self) -> None:
        """Append all that is pending; while the store is away this waits for it."""
        async with self._flushing:
            self._hurry = None
            with self._lock:
                runs, self._pending = list(self._pending), {}
                entries = [_Entry(run, update) for run in runs for update in self._number(run)]
            durable, self._durable = self._durable, []
            entries += [_Entry(run, _numbered(run, kind, data), stored) for run, kind, data, stored in durable]
            for batch in _batches(entries):
                await self._append(batch)

    def close(self) -> None:
        """Wait for the store no longer, and begin nothing that the end of the loop would cut off."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _number(self, run: Run) -> list[NewUpdate]:
        reports, run.reports = run.reports or [], None
        return [_numbered(run, kind, data) for kind, data in reports]

    async def _append(self, batch: list[_Entry]) -> None:
        batch = _still_wanted(batch)
        pause = _INTERVAL
        while batch and not self._closed:
            buggify("reporter.before_append")
            try:
                verdicts = await self._backend.append([entry.update for entry in batch])
            except BackendUnavailable:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except Exception as error:
                await self._append_apart(batch, error)
                return
            else:
                self._judge(batch, verdicts)
                return
        for entry in batch:
            if entry.stored is not None:
                entry.stored(_closing(entry.run))

    async def _append_apart(self, batch: list[_Entry], error: Exception) -> None:
        """The store refuses a batch for what is in it: each run's part is tried alone, and then dropped."""
        parts: dict[Run, list[_Entry]] = {}
        for entry in batch:
            parts.setdefault(entry.run, []).append(entry)
        if len(parts) > 1:
            for part in parts.values():
                await self._append(part)
            return
        worker_log().error("the store refuses these reports; dropped", entries=len(batch), error=repr(error))
        journal = batch[0].run.journal
        if journal is not None:
            journal.refused = error
        for entry in batch:
            if entry.stored is not None:
                entry.stored(error)

    def _judge(self, batch: list[_Entry], verdicts: list[Verdict]) -> None:
        for entry, verdict in zip(batch, verdicts, strict=True):
            run, stored = entry.run, entry.stored
            stale = verdict is Verdict.STALE
            if stored is not None:
                stored(run.lose() if stale else None)
            elif stale and run.stop_reason is None:
                run.lose()


def _numbered(run: Run, kind: Kind, data: bytes) -> NewUpdate:
    id, epoch = run.key
    run.seq += 1
    return NewUpdate(id=id, epoch=epoch, seq=run.seq, kind=kind, data=data)


def _still_wanted(batch: list[_Entry]) -> list[_Entry]:
    """Without those of a run of which the store refused an earlier one: the order has no holes."""
    kept: list[_Entry] = []
    for entry in batch:
        journal = entry.run.journal
        if journal is None or journal.refused is None or entry.stored is None:
            kept.append(entry)
        else:
            entry.stored(journal.refused)
    return kept


def _closing(run: Run) -> CancelledByRequest:
    return CancelledByRequest(f"job {run.job.id}: its worker ends and waits for the store no longer")


def _batches(entries: list[_Entry]) -> Iterator[list[_Entry]]:
    batch: list[_Entry] = []
    size = 0
    for entry in entries:
        batch.append(entry)
        size += len(entry.update.data)
        if len(batch) == MAX_BATCH or size >= MAX_BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
