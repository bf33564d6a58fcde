"""The naive designs a to q of the reliability notes, and five more, each as a small change of the simulated product.

The judge must catch every one of them: it is trusted only because it fails on these.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from abaca.backends.memory.buckets import Buckets
from abaca.backends.memory.edges import Edges
from abaca.backends.memory.keys import Keys
from abaca.backends.memory.order import Order, Pick
from abaca.backends.memory.store import MemoryBackend
from abaca.backends.memory.waiting import Waiting as Places
from abaca.errors import BackendUnavailable
from abaca.model import Job, Lease, QueueSettings, QueueStats, State, Stats, Transition, Verdict, Want
from abaca.policy import decide
from abaca.policy.cron import due_ticks, tick_job
from abaca.policy.retry import DEFAULT_RULE
from abaca.waiting import Waiting
from abaca.worker import runner, ticker
from abaca.worker.heart import Heart
from abaca.worker.loop import ExchangeLoop
from abaca.worker.reaper import Reaper
from abaca.worker.runner import Runner
from abaca.worker.runs import StopReason
from tests.simulation.clients import Client
from tests.simulation.net import Connection
from tests.simulation.store import Server

Change = tuple[Any, str, Any]


@dataclass(frozen=True)
class Mutant:
    """``rules``: the judge must name one of these. ``seed``: where to look first, one that caught it once."""

    name: str
    what: str
    rules: tuple[str, ...]
    make: Callable[[Any], list[Change]]
    seed: int = 0

    def changes(self, world: Any) -> list[Change]:
        return self.make(world)


def _a(world: Any) -> list[Change]:
    add = Waiting.add

    def read_at_once(self: Waiting, id: str, *, known: bool = True, needs_value: bool = False) -> Any:
        waiter = add(self, id, known=known, needs_value=needs_value)
        if known:
            self._read_now([id])
        return waiter

    def confirmed(self: Waiting, group: Any) -> None:
        group.confirmed = True

    return [(Waiting, "add", read_at_once), (Waiting, "_confirmed", confirmed), (Waiting, "_poll", lambda self: None)]


def _b(world: Any) -> list[Change]:
    settle_soon = ExchangeLoop._settle_soon

    def retry_here(self: ExchangeLoop, job: Job, outcome: Any, took: float | None) -> None:
        if type(outcome).__name__ == "Raised" and job.attempt < (job.spec.retry or DEFAULT_RULE).max_attempts:
            lane = job.spec.lane
            self._slots.free[lane] -= 1
            asyncio.get_running_loop().call_later(1.0, lambda: self.start(job, world.monotonic()))
        else:
            settle_soon(self, job, outcome, took)

    return [(ExchangeLoop, "_settle_soon", retry_here)]


def _c(world: Any) -> list[Change]:
    async def record_only(self: Server, jobs: Any) -> Any:
        before = set(self.memory._rows)
        receipts = await self._insert(jobs)
        for receipt in receipts:
            if receipt.id not in before:
                self.memory._waiting.lines.remove(receipt.id)
        return receipts

    async def line_up(self: Server, ids: Sequence[str]) -> None:
        for id in ids:
            row = self.memory._rows.get(id)
            if row is not None and row.state is State.WAITING and row.epoch == 0:
                self.memory._waiting.enter(row)

    async def insert(self: Connection, jobs: Any) -> Any:
        receipts = await self._net.call("record_only", jobs)
        fresh = [receipt.id for receipt in receipts if receipt.outcome == 0]
        if fresh:
            try:
                await self._net.call("line_up", fresh)
            except BackendUnavailable:
                pass  # the record is there: what can go wrong?
        return receipts

    return [(Server, "_record_only", record_only), (Server, "_line_up", line_up), (Connection, "insert", insert)]


def _d(world: Any) -> list[Change]:
    run, reap_once, reclaim = Client.run, Reaper.reap_once, Server._reclaim

    async def watch_over(self: Client) -> int:
        reaper = Reaper(world.connect(), Lease(worker="submitter", ms=6000))
        watching = asyncio.get_running_loop().create_task(reaper.run())
        try:
            return await run(self)
        finally:
            watching.cancel()

    async def only_submitters(self: Reaper) -> int:
        return await reap_once(self) if self._lease.worker == "submitter" else 0

    async def other_arguments(self: Server, limit: int, lease: Lease) -> Any:
        jobs = await reclaim(self, limit, lease)
        for job in jobs:
            row = self.memory._rows[job.id]
            row.spec = msgspec.structs.replace(row.spec, args=b'{"n":1,"x":0.0}')
        return jobs

    return [(Client, "run", watch_over), (Reaper, "reap_once", only_submitters), (Server, "_reclaim", other_arguments)]


def _no_lease(self: MemoryBackend, jobs: list[Job]) -> list[Job]:
    for job in jobs:
        self._rows[job.id].lease_until = None
    return jobs


def _e(world: Any) -> list[Change]:
    claim, pulse = MemoryBackend._claim, MemoryBackend._pulse

    def popped(self: MemoryBackend, want: Want, lease: Lease, now: int) -> list[Job]:
        return _no_lease(self, claim(self, want, lease, now))

    def beat(self: MemoryBackend, beat: Any, lease: Lease, now: int) -> Any:
        answer = pulse(self, beat, lease, now)
        if answer.alive:
            self._rows[beat.id].lease_until = None
        return answer

    return [(MemoryBackend, "_claim", popped), (MemoryBackend, "_pulse", beat)]


def _f(world: Any) -> list[Change]:
    async def never(self: Reaper) -> int:
        return 0

    return [(Reaper, "reap_once", never)]


def _g(world: Any) -> list[Change]:
    """Pop in one request, take the lease in the next."""

    async def exchange(self: Connection, done: Any, want: Want | None, lease: Lease) -> Any:
        if want is None:
            return await self._net.call("exchange", done, want, lease)
        answer = await self._net.call("exchange", done, None, lease)
        if want.hold_ms:
            await asyncio.sleep(0.2)  # sleeps: virtual time between two polls
        ids = await self._net.call("pop", want)
        jobs = await self._net.call("mark", ids, lease) if ids else []
        return msgspec.structs.replace(answer, jobs=jobs)

    async def pop(self: Server, want: Want) -> list[str]:
        free, ids = dict(want.slots), []
        for queue in want.queues:
            places = self.memory._waiting
            while (pick := places.order.next(queue, QueueSettings(), self._clock.now(), free)) is not None:
                places.lines.remove(pick.place.id)
                free[pick.line.lane] -= 1
                ids.append(pick.place.id)
        return ids

    async def mark(self: Server, ids: Sequence[str], lease: Lease) -> list[Job]:
        rows = [self.memory._rows[id] for id in ids if self.memory._rows[id].state is State.WAITING]
        for row in rows:
            row.claim(lease.worker, lease.ms, self._clock.now())
        jobs = [row.snapshot(self._clock.now()) for row in rows]
        for job in jobs:
            self._claimed("claim", job, lease)
        return jobs

    return [(Connection, "exchange", exchange), (Server, "_pop", pop), (Server, "_mark", mark)]


def _h(world: Any) -> list[Change]:
    end = MemoryBackend._end

    def vanish(self: MemoryBackend, row: Any) -> None:
        if self._rows.pop(row.spec.id, None) is not None:
            self._edges.drop(row)
            self._edges.forget(row.spec.id)

    def expires(self: MemoryBackend, row: Any, state: State, keep_ms: int, now: int) -> None:
        end(self, row, state, keep_ms, now)
        world.loop.root.soon(vanish, self, row, delay=0.5)

    return [(MemoryBackend, "_end", expires)]


def _i(world: Any) -> list[Change]:
    index: dict[str, set[str]] = {}
    enter, stats = Places.enter, MemoryBackend.stats

    def indexed(self: Places, row: Any) -> None:
        index.setdefault(row.spec.queue, set()).add(row.spec.id)
        enter(self, row)

    async def counted(self: MemoryBackend) -> Stats:
        answer = await stats(self)
        if not world.judging:
            return answer
        queues = [QueueStats(name=name, due=len(ids)) for name, ids in sorted(index.items())]
        return msgspec.structs.replace(answer, queues=queues)

    return [(Places, "enter", indexed), (MemoryBackend, "stats", counted)]


def _j(world: Any) -> list[Change]:
    perform = Server.perform

    async def by_the_callers_clock(self: Server, verb: str, args: tuple[Any, ...]) -> Any:
        skew = world.net.caller.skew
        if verb == "reclaim":
            self._clock.offset += skew
            try:
                return await perform(self, verb, args)
            finally:
                self._clock.offset -= skew
        answer = await perform(self, verb, args)
        if verb == "exchange":
            for job in answer.jobs:
                _shift(self.memory, job.id, skew)
        elif verb == "beat":
            for pulse in answer:
                if pulse.alive:
                    _shift(self.memory, pulse.id, skew)
        return answer

    return [(Server, "perform", by_the_callers_clock)]


def _shift(memory: MemoryBackend, id: str, seconds: float) -> None:
    row = memory._rows[id]
    if row.lease_until is not None:
        row.lease_until += round(seconds * 1e6)


def _k(world: Any) -> list[Change]:
    hear = Heart._hear

    def deaf(self: Heart, key: Any, run: Any, pulse: Any, sent_at: float) -> None:
        hear(self, key, run, msgspec.structs.replace(pulse, cancel=False), sent_at)

    return [(Heart, "_hear", deaf)]


def _l(world: Any) -> list[Change]:
    stop = Runner._stop

    def abandon(self: Runner, run: Any, reason: StopReason) -> None:
        if reason is StopReason.TIMED_OUT and run.key in self.runs:
            run.stop_reason = reason
            self._strong.add(run.halt.__self__)
            self._finish(run, run.stopped_outcome())
        else:
            stop(self, run, reason)

    return [(Runner, "_stop", abandon)]


def _m(world: Any) -> list[Change]:
    settle = MemoryBackend._settle

    def unfenced(self: MemoryBackend, done: Any, now: int) -> Verdict:
        row = self._rows.get(done.id)
        if row is not None and row.state is State.RUNNING:
            done = msgspec.structs.replace(done, epoch=row.epoch)
        return settle(self, done, now)

    return [(MemoryBackend, "_settle", unfenced)]


def _n(world: Any) -> list[Change]:
    def uncharged(job: Job, rand: Any, crash: Any, error: Any) -> Transition:
        return decide._waiting(job, job.attempts, delay_ms=None, memo=job.memo)

    return [(decide, "_lost_run", uncharged)]


def _o(world: Any) -> list[Change]:
    """Whoever sees that a tick is due fires it; the store keeps no cursor that would refuse a second one."""

    def with_an_id_of_its_own(schedule: Any, at: int) -> Any:
        return msgspec.structs.replace(tick_job(schedule, at), id=world.new_id())

    return [
        (ticker, "tick_job", with_an_id_of_its_own),
        (MemoryBackend, "_move_cursor", lambda self, tick: True),
        (ticker, "due_ticks", _latest_tick),
    ]


def _p(world: Any) -> list[Change]:
    return [(ticker, "due_ticks", _latest_tick)]


def _latest_tick(schedule: Any, cursor: int, now: int) -> list[int]:
    return due_ticks(schedule, cursor, now)[-1:]


def _q(world: Any) -> list[Change]:
    comes_next = Order.next

    def at_once(self: Order, queue: str, settings: QueueSettings, now: int, free: dict[str, int]) -> Pick | None:
        return comes_next(self, queue, settings, now + 3_600_000_000, free)

    return [(Order, "next", at_once)]


def _keys(world: Any) -> list[Change]:
    return [(Keys, "on_claim", lambda self, spec: self.release(spec))]


def _limits(world: Any) -> list[Change]:
    return [(Buckets, "exhausted", lambda self, limits, now: None)]


def _first_parent(world: Any) -> list[Change]:
    on_end = Edges.on_end

    def let_go(self: Edges, id: str, state: State, now: int) -> None:
        for name in self.of_parent(id):
            child = self._rows[name]
            if child.state is State.WAITING and child.open_parents:
                child.open_parents = 1
        on_end(self, id, state, now)

    return [(Edges, "on_end", let_go)]


def _unheard_cancel(world: Any) -> list[Change]:
    on_end = Edges.on_end

    def only_settles(self: Edges, id: str, state: State, now: int) -> None:
        if state is not State.CANCELLED:
            on_end(self, id, state, now)

    return [(Edges, "on_end", only_settles)]


def _unmet(world: Any) -> list[Change]:
    return [(runner, "unfit", lambda job: None)]


MUTANTS = {
    mutant.name: mutant
    for mutant in (
        Mutant("a", "a wait reads, then subscribes", ("L2",), _a, 5),
        Mutant("b", "a retry lives in a timer of the worker", ("S1", "S3", "S4"), _b),
        Mutant("c", "record and line are two requests", ("S1", "S6"), _c, 1),
        Mutant("d", "the submitter watches over its jobs and repeats them with other arguments", ("S1", "S8"), _d, 1),
        Mutant("e", "a claim pops the job and keeps no lease", ("S1", "L1"), _e, 1),
        Mutant("f", "nobody reaps", ("S1", "L1"), _f, 1),
        Mutant("g", "a claim pops first and takes the lease afterwards", ("S1", "S6"), _g, 1),
        Mutant("h", "an ended job expires at once", ("S1", "L2"), _h),
        Mutant("i", "an index by status keeps what has left", ("S6",), _i),
        Mutant("j", "a lease ends by the worker's clock", ("S7", "L1"), _j, 9),
        Mutant("k", "a cancel is looked at when the run starts", ("L3",), _k, 2),
        Mutant("l", "a run that timed out is abandoned, not stopped", ("L4",), _l),
        Mutant("m", "a settle is not fenced", ("S2", "S3"), _m, 38),
        Mutant("n", "attempts count when the handler reports", ("S1", "S4"), _n),
        Mutant("o", "whoever sees a tick fires it", ("C1",), _o),
        Mutant("p", "only the present tick is fired", ("C1",), _p, 3),
        Mutant("q", "the due time is ignored by the claim", ("S5",), _q),
        Mutant("keys", "a claim lets go of the job's key", ("S9",), _keys),
        Mutant("limits", "no bucket is ever exhausted", ("S9",), _limits, 3),
        Mutant("join", "the end of one parent lets a job go that waits for several", ("S11",), _first_parent, 2),
        Mutant("unheard", "the children of a cancelled job do not hear of it", ("S1",), _unheard_cancel),
        Mutant("unmet", "a job starts however its parents ended", ("S11",), _unmet),
    )
}
