"""The simulated server: the product's memory backend behind a door that writes down what truly happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from abaca.backends.memory.rows import Row
from abaca.backends.memory.store import MemoryBackend
from abaca.model import (
    Amended,
    Beat,
    Cancelled,
    Change,
    Exchanged,
    Inserted,
    Job,
    Lease,
    NewJob,
    NewUpdate,
    Pulse,
    Receipt,
    Requeued,
    Settle,
    State,
    Verdict,
    Want,
)
from abaca.verify.prints import print_of_stored

EPOCH = 1_893_456_000_000_000
Write = Callable[..., None]


class StoreClock:
    """The server's own clock: it may be stepped either way."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self.offset = 0.0

    def now(self) -> int:
        return EPOCH + round((self._time() + self.offset) * 1e6)


class Memory(MemoryBackend):
    """The memory store, which also tells what made room for others in full queues."""

    def __init__(self, clock: StoreClock) -> None:
        super().__init__(clock)
        self.shed: list[str] = []

    def _shed(self, row: Row, by: str, now: int) -> None:
        super()._shed(row, by, now)
        self.shed.append(row.spec.id)


class Server:
    """Verbs of the seam, executed at one instant each, with an event for every fact."""

    def __init__(self, memory: Memory, clock: StoreClock, write: Write) -> None:
        self.memory = memory
        self._clock = clock
        self._write_event = write

    def _write(self, f: str, j: str, **fields: Any) -> None:
        self._write_event("store", "event", f, j=j, at=self._clock.now(), **fields)

    async def _jobs(self, ids: Sequence[str]) -> list[Job | None]:
        return await self.memory.get(ids)

    async def perform(self, verb: str, args: tuple[Any, ...]) -> Any:
        handler = getattr(self, "_" + verb, None)
        return await (handler or getattr(self.memory, verb))(*args)

    async def _watch_for(self, watch: Any) -> None:
        watch.confirmed(await self.memory.watch(watch.topics))

    async def _insert(self, jobs: Sequence[NewJob]) -> list[Receipt]:
        receipts = await self.memory.insert(jobs)
        for stored in await self._jobs([r.id for r in receipts if r.outcome is Inserted.INSERTED]):
            assert stored is not None
            self._write("insert", stored.id, val={"due": stored.due_at})
        for receipt in receipts:
            if receipt.outcome is Inserted.KNOWN:
                self._write("known", receipt.id)
        shed, self.memory.shed = self.memory.shed, []
        for id in shed:
            self._write("cancel", id, val="ended")
        return receipts

    async def _exchange(self, done: Sequence[Settle], want: Want | None, lease: Lease) -> Exchanged:
        verdicts: list[Verdict] = []
        for part in _apart(done):
            verdicts += await self._settle(part, lease)
        jobs = (await self.memory.exchange([], want, lease)).jobs if want is not None else []
        for job in jobs:
            self._claimed("claim", job, lease)
        return Exchanged(verdicts=verdicts, jobs=jobs)

    async def _settle(self, done: Sequence[Settle], lease: Lease) -> list[Verdict]:
        before = await self._jobs([settle.id for settle in done])
        verdicts = (await self.memory.exchange(done, None, lease)).verdicts
        after = await self._jobs([settle.id for settle in done])
        for settle, old, new, verdict in zip(done, before, after, verdicts, strict=True):
            self._settled(settle, old, new, verdict)
        return verdicts

    def _settled(self, settle: Settle, old: Job | None, new: Job | None, verdict: Verdict) -> None:
        name = verdict.name.lower()
        to = settle.to
        unchanged = old is None or new is None or old.state is not State.RUNNING or old.revision == new.revision
        if verdict is Verdict.APPLIED and unchanged:
            name = "repeat"
        val: dict[str, Any] = {"verdict": name, "target": to.target.name.lower()}
        if name == "applied" and new is not None:
            val |= {"attempts": to.attempts, "losses": to.losses}
            if to.target is State.WAITING:
                val["due"] = new.due_at
            if to.result is not None:
                val["print"] = print_of_stored(to.result)
            if to.error is not None:
                val["error"] = to.error.type
        self._write("settle", settle.id, tok=settle.epoch, val=val)

    def _claimed(self, f: str, job: Job, lease: Lease) -> None:
        lease_ms = job.spec.lease_ms or lease.ms
        self._write(f, job.id, tok=job.epoch, att=job.attempt, val={"worker": lease.worker, "lease_ms": lease_ms})

    async def _reclaim(self, limit: int, lease: Lease) -> list[Job]:
        jobs = await self.memory.reclaim(limit, lease)
        for job in jobs:
            self._claimed("reclaim", job, lease)
        return jobs

    async def _beat(self, card: Any, beats: Sequence[Beat], lease: Lease) -> list[Pulse]:
        pulses = await self.memory.beat(card, beats, lease)
        for pulse, job in zip(pulses, await self._jobs([beat.id for beat in beats]), strict=True):
            lease_ms = (job.spec.lease_ms if job is not None else None) or lease.ms
            self._write("beat", pulse.id, tok=pulse.epoch, val={"alive": pulse.alive, "lease_ms": lease_ms})
        return pulses

    async def _cancel(self, ids: Sequence[str]) -> list[Cancelled]:
        answers = await self.memory.cancel(ids)
        for id, answer in zip(ids, answers, strict=True):
            self._write("cancel", id, val=answer.name.lower())
        return answers

    async def _requeue(self, runs: Sequence[tuple[str, int]]) -> list[Requeued]:
        before = await self._jobs([id for id, _ in runs])
        answers = await self.memory.requeue(runs)
        after = await self._jobs([id for id, _ in runs])
        for (id, _), answer, old, new in zip(runs, answers, before, after, strict=True):
            moved = old is not None and new is not None and old.state.ended and not new.state.ended
            name = answer.name.lower() if answer is not Requeued.REQUEUED or moved else "repeat"
            val = {"answer": name, "due": new.due_at} if moved and new is not None else {"answer": name}
            self._write("requeue", id, val=val)
        return answers

    async def _amend(self, changes: Sequence[Change]) -> list[Amended]:
        answers = await self.memory.amend(changes)
        after = await self._jobs([change.id for change in changes])
        for change, answer, new in zip(changes, answers, after, strict=True):
            val: dict[str, Any] = {"answer": answer.name.lower()}
            if new is not None and new.state is State.WAITING:
                val["due"] = new.due_at
            self._write("amend", change.id, val=val)
        return answers

    async def _append(self, updates: Sequence[NewUpdate]) -> list[Verdict]:
        verdicts = await self.memory.append(updates)
        for update, verdict in zip(updates, verdicts, strict=True):
            self._write("append", update.id, tok=update.epoch, val=verdict.name.lower())
        return verdicts


def _apart(done: Sequence[Settle]) -> list[list[Settle]]:
    """Parts in which no job comes twice, so that what became of each settle can be seen before and after its part."""
    parts: list[list[Settle]] = [[]]
    for settle in done:
        if any(settle.id == other.id for other in parts[-1]):
            parts.append([])
        parts[-1].append(settle)
    return parts
