"""The end of a chaos run: the queue drained, the store read, the history judged."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from abaca.backend import MAX_BATCH, Backend
from abaca.errors import BackendError
from abaca.model import Job, Stats
from abaca.verify import proc
from abaca.verify.checker import Dump, Findings, Options, check
from abaca.verify.crew import Crew
from abaca.verify.history import SUFFIX, Torn, read_file, read_history
from abaca.verify.notes import EFFECTS_SUFFIX, ORPHANS_SUFFIX
from abaca.verify.outcome import Effects, StoreFacts
from abaca.verify.plan import Plan

_LOOK = 0.25
_READ_TRIES = 20

ALWAYS_SEEN = (
    "a stale write was refused",
    "a run came again after a crash",
    "a running job was cancelled",
    "a job failed for crashing its process",
    "a repeated enqueue was collapsed",
    "a key was held",
    "a job was requeued",
)


@dataclass(slots=True)
class Ending:
    findings: Findings
    effects: Effects
    jobs: int
    wrong: list[str] = field(default_factory=list)


async def drain(backend: Backend, patience: float, keep_up: Callable[[], None], tell: Callable[[str], None]) -> bool:
    """Wait until nothing waits and nothing runs; ``False`` when it stood still for ``patience`` seconds."""
    best, since = -1, time.monotonic()
    empty = 0
    while time.monotonic() - since < patience:
        keep_up()
        left = await _left(backend)
        empty = empty + 1 if left == 0 else 0
        if empty == 2:
            return True
        if left is not None and (best < 0 or left < best):
            best, since = left, time.monotonic()
        tell(f"draining: {'?' if left is None else left} jobs left")
        await asyncio.sleep(_LOOK)
    return False


async def _left(backend: Backend) -> int | None:
    try:
        stats = await backend.stats()
    except BackendError:
        return None
    return stats.running + sum(queue.due + queue.later for queue in stats.queues)


async def end_of(backend: Backend, plan: Plan, crew: Crew, facts: StoreFacts, drained: bool) -> Ending:
    """Read everything and judge it. It takes about a minute for a million jobs."""
    stats = await backend.stats()
    faults = await backend.audit()
    loop = asyncio.get_running_loop()
    records = _Records(backend, asked_for(plan.folder), loop)
    dump = Dump(jobs=records, stats=stats, faults=[str(fault) for fault in faults])
    options = Options(
        lease=plan.lease,
        beat=plan.beat,
        grace=plan.grace,
        slack=plan.slack,
        window=plan.window,
        quiesced=drained,
        durable=plan.fsync != "none" or not plan.own_server,
        may_lose=plan.jobs if plan.fsync == "none" else 0,
        expect=_expected(plan, crew),
    )
    torn = Torn()
    findings = await asyncio.to_thread(_check, plan.folder, torn, dump, options)
    effects, wrong = await asyncio.to_thread(weigh_effects, plan.folder, records.completed)
    wrong += _orphans(plan.folder)
    wrong += _phantoms(stats, records)
    if not drained:
        wrong.append("the queue was not drained: it stood still with jobs left, though all faults were over")
    return Ending(findings, effects, records.count, wrong)


def _check(folder: Path, torn: Torn, dump: Dump, options: Options) -> Findings:
    gc.disable()  # millions of small objects, none of them in a cycle
    try:
        return check(read_history(folder, torn), dump, options)
    finally:
        gc.enable()


def _expected(plan: Plan, crew: Crew) -> tuple[str, ...]:
    """What must have happened at least once, given the faults that were done."""
    lines: list[str] = list(ALWAYS_SEEN)
    if crew.tally.get("stops"):
        lines.append("a worker was stopped beyond its lease")
    if crew.tally.get("client kills"):
        lines.append("a client died")
    if crew.tally.get("replies cut"):
        lines.append("a reply was lost after its call was executed")
    if not plan.pills:
        lines.remove("a job failed for crashing its process")
    if not plan.kills:
        lines.remove("a run came again after a crash")
    if not plan.stops:
        lines.remove("a stale write was refused")
    return tuple(lines)


def asked_for(folder: Path) -> list[str]:
    """The ids of all jobs that a client ever wanted to store."""
    found: dict[str, None] = {}
    for path in sorted(folder.glob(f"client-*{SUFFIX}")):
        for event in read_file(path, Torn()):
            if event.f == "enqueue" and event.type == "invoke":
                found.update((item.id, None) for item in event.items)
    return list(found)


class _Records:
    """The stored jobs of a run, read while the checker asks for them in another thread."""

    def __init__(self, backend: Backend, ids: list[str], loop: asyncio.AbstractEventLoop) -> None:
        self._backend = backend
        self._ids = ids
        self._loop = loop
        self.count = 0
        self.completed: dict[str, int] = {}
        """The epoch at which each completed job ended."""

    def __iter__(self) -> Iterator[Job]:
        for start in range(0, len(self._ids), MAX_BATCH):
            batch = self._ids[start : start + MAX_BATCH]
            jobs = asyncio.run_coroutine_threadsafe(self._read(batch), self._loop).result()
            for job in jobs:
                if job is not None:
                    self.count += 1
                    if job.state.name == "COMPLETED":
                        self.completed[job.id] = job.epoch
                    yield job

    async def _read(self, ids: list[str]) -> list[Job | None]:
        for _ in range(_READ_TRIES):
            try:
                return await self._backend.get(ids)
            except BackendError:
                await asyncio.sleep(0.5)
        return await self._backend.get(ids)


def weigh_effects(folder: Path, completed: dict[str, int]) -> tuple[Effects, list[str]]:
    """Count the effects, and hold them against the completed jobs: each must have had its effect at its last epoch."""
    lines = 0
    last: dict[str, int] = {}
    missing = dict(completed)
    for path in folder.glob(f"*{EFFECTS_SUFFIX}"):
        with path.open() as file:
            for line in file:
                if not line.endswith("\n"):
                    continue  # its process was killed in the middle of it
                job, _, epoch = line.rstrip().partition(" ")
                lines += 1
                last[job] = max(last.get(job, 0), int(epoch))
                if missing.get(job) == int(epoch):
                    del missing[job]
    wrong = [f"{job} is completed at epoch {epoch} and had no effect then" for job, epoch in list(missing.items())[:20]]
    return Effects(lines=lines, jobs=len(last)), wrong


def _orphans(folder: Path) -> list[str]:
    """Processes that a handler forgot and that outlived it and its worker."""
    found = []
    for path in folder.glob(f"*{ORPHANS_SUFFIX}"):
        for line in path.read_text().split():
            pid = int(line)
            if proc.is_alive(pid) and proc.runs_module(pid, "sleep"):
                found.append(pid)
                proc.end(pid)
    return [f"{len(found)} processes that handlers left behind outlived their worker"] if found else []


def _phantoms(stats: Stats, records: _Records) -> list[str]:
    """The store must not have ended fewer jobs than it holds, nor hold more than was asked for."""
    ended = sum(stats.totals.values())
    return [] if ended >= records.count else [f"the store says that {ended} jobs ended and holds {records.count}"]
