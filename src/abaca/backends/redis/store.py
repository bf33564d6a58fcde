"""The store on Redis or Valkey: every verb is one script call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from abaca.backend import CARD_LIFE_MS, HELD_AGAIN_MS, MIN_TOMBSTONE_MS
from abaca.backends.redis import search
from abaca.backends.redis.address import Address, parse_address
from abaca.backends.redis.audit import Audit
from abaca.backends.redis.exchanges import VERDICTS
from abaca.backends.redis.guard import Standing, check_server
from abaca.backends.redis.hints import Attention, RedisWatch
from abaca.backends.redis.hold import jobs_of
from abaca.backends.redis.homes import Home, Homes
from abaca.backends.redis.inserts import is_foreign
from abaca.backends.redis.keys import SERVED_PARTITION, partition
from abaca.backends.redis.packing import (
    FIRST_ENTRY,
    KIND_NUMBER,
    next_entry_of,
    unpack_entry,
    unpack_job,
)
from abaca.backends.redis.records import RedisRecords
from abaca.backends.redis.requests import (
    amended_static,
    pack_change,
    pack_run,
    pack_update,
    packed_id,
    remakes,
)
from abaca.backends.redis.summary import summarise
from abaca.backends.search import check_batch, check_new
from abaca.clock import Clock
from abaca.errors import BackendError
from abaca.model import (
    Amended,
    Beat,
    Cancelled,
    Card,
    Change,
    Exchanged,
    Fault,
    Hint,
    History,
    Job,
    Keep,
    Lease,
    NewJob,
    NewUpdate,
    Page,
    Pulse,
    Query,
    Receipt,
    Requeued,
    Settle,
    Stats,
    Verdict,
    Want,
    job_topic,
)

_DIGIT = 48
_READ_AGAIN = 4
_MOST_ROUNDS = 20
_ATTENDED_BYTES = 65_536
"""Larger arguments go over the connection for verbs, so that hints need not wait behind them."""
_encode_card = msgspec.msgpack.Encoder().encode


class RedisBackend(RedisRecords):
    """Usable from any thread and event loop, each with two connections of its own; a forked child makes its own too."""

    def __init__(self, address: Address, clock: Clock | None = None) -> None:
        self._given_clock = clock
        self._address = address
        base = partition(address.prefix, SERVED_PARTITION)
        super().__init__(Homes(address, base, self._now), base, self._now)
        self._standing = Standing("redis: unknown until opened")

    def _now(self) -> bytes:
        """The first argument of every script: the test clock's instant, or nothing."""
        return b"" if self._given_clock is None else b"%d" % self._given_clock.now()

    @property
    def durability(self) -> str:
        return self._standing.durability

    @property
    def weaknesses(self) -> tuple[str, ...]:
        return self._standing.weaknesses

    async def open(self) -> None:
        self._standing = await check_server(self._homes.here().server, self._address)
        await self.get([])  # loads the library now, while the server surely has room for it

    async def close(self) -> None:
        await self._homes.close()

    async def insert(self, jobs: Sequence[NewJob]) -> list[Receipt]:
        check_new(jobs)
        return await self._homes.here().inserts.insert(jobs, self._now()) if jobs else []

    def attend(self, job: NewJob, told: Callable[[Hint], None]) -> Attendance | None:
        home = self._homes.here()
        hints = home.holds.hints
        if not hints.server.up or len(job.args) > _ATTENDED_BYTES or is_foreign(job):
            return None
        check_new([job])
        return Attendance(home, job, hints.attend(job_topic(job.id), told), self._now)

    async def exchange(self, done: Sequence[Settle], want: Want | None, lease: Lease) -> Exchanged:
        check_batch(done)
        return await self._homes.here().exchanges.exchange(done, want, lease)

    def unhold(self) -> None:
        self._homes.unhold()

    async def reclaim(self, limit: int, lease: Lease) -> list[Job]:
        answer = await self._run("reclaim", limit, lease.worker, lease.ms)
        return jobs_of(answer[1:], int(answer[0]))

    async def beat(self, card: Card | None, beats: Sequence[Beat], lease: Lease) -> list[Pulse]:
        about = (b"", b"") if card is None else (card.id.encode(), _encode_card(card))
        runs = [pack_run(beat.id, beat.epoch) for beat in beats]
        answer = await self._run("beat", lease.ms, CARD_LIFE_MS * 1000, *about, *runs)
        return [
            Pulse(id=beat.id, epoch=beat.epoch, alive=digit != _DIGIT, cancel=digit == _DIGIT + 2)
            for beat, digit in zip(beats, answer, strict=True)
        ]

    async def sign_off(self, worker: str) -> None:
        await self._run("sign_off", worker)

    async def cancel(self, ids: Sequence[str]) -> list[Cancelled]:
        answer = await self._run("cancel", Keep().cancelled_ms, *map(packed_id, ids))
        return [Cancelled(digit - _DIGIT) for digit in answer]

    async def requeue(self, runs: Sequence[tuple[str, int]]) -> list[Requeued]:
        answer = await self._run("requeue", *(pack_run(id, epoch) for id, epoch in runs))
        return [Requeued(digit - _DIGIT) for digit in answer]

    async def amend(self, changes: Sequence[Change]) -> list[Amended]:
        """A change of what scripts cannot make anew is made here of the job as read, and applies to that revision."""
        answers: dict[int, Amended] = {}
        left, unread = list(enumerate(changes)), set[int]()
        for _ in range(_MOST_ROUNDS):
            if not left:
                break
            remade = {at for at, change in left if at in unread or remakes(change)}
            read = await self._read_for([changes[at] for at in remade])
            words: list[bytes] = []
            for at, change in left:
                words += pack_change(change, _remade(change, read) if at in remade else None)
            digits = [digit - _DIGIT for digit in await self._run("amend", *words)]
            again = []
            for (at, change), digit in zip(left, digits, strict=True):
                if digit == _READ_AGAIN:
                    again.append((at, change))
                    unread.add(at)
                else:
                    answers[at] = Amended(digit)
            left = again
        if left:
            raise BackendError(
                f"job {left[0][1].id} changed {_MOST_ROUNDS} times while it was to be amended; try again"
            )
        return [answers[at] for at in range(len(changes))]

    async def _read_for(self, changes: Sequence[Change]) -> dict[str, Job]:
        if not changes:
            return {}
        jobs = await self.get([change.id for change in changes])
        return {job.id: job for job in jobs if job is not None}

    async def append(self, updates: Sequence[NewUpdate]) -> list[Verdict]:
        check_batch(updates)
        words: list[bytes] = []
        for update in updates:
            words += [pack_update(update, KIND_NUMBER[update.kind]), update.data]
        return [VERDICTS[digit] for digit in await self._run("append", *words)]

    async def updates(self, id: str, after: int, limit: int) -> History:
        packed = packed_id(id)
        now, value, *entries = await self._run("updates", packed, after, limit)
        if value is None:
            return History()
        job = unpack_job(packed, value, int(now))
        if job.purged:
            return History(job=job)
        kept = [unpack_entry(entry) for entry in entries]
        end = kept[-1].id + 1 if kept else next_entry_of(value)
        dropped = max(0, end - max(after + 1, FIRST_ENTRY) - len(kept))
        return History(job=job, entries=kept, dropped=dropped)

    async def get(self, ids: Sequence[str]) -> list[Job | None]:
        packed = [packed_id(id) for id in ids]
        now, *values = await self._run("get", *packed)
        seen_at = int(now)
        return [
            None if value is None else unpack_job(id, value, seen_at) for id, value in zip(packed, values, strict=True)
        ]

    async def find(self, query: Query) -> Page:
        answer = await self._run("stats", 0, "lines")
        return await search.find(query, [line[4].decode() for line in answer[4:]], self._walk)

    async def _walk(self, name: str, direction: str, score: str, id: bytes, count: int) -> tuple[int, list[Any]]:
        now, *rows = await self._run("walk", name, direction, score, id, count)
        return int(now), rows

    async def stats(self) -> Stats:
        return summarise(await self._run("stats", CARD_LIFE_MS * 1000, ""))

    async def purge(self, limit: int) -> int:
        return int(await self._run("purge", limit, MIN_TOMBSTONE_MS, HELD_AGAIN_MS))

    async def audit(self, repair: bool = False) -> list[Fault]:
        return await Audit(self._run, self._homes.here().server.command, self._base, repair=repair).run()

    async def watch(self, topics: Sequence[str]) -> RedisWatch:
        return await self._homes.here().holds.hints.watch(topics)


class Attendance:
    """A job to be inserted in one message with the subscription to it; see ``Attentive``."""

    __slots__ = ("_attention", "_home", "_job", "_now")

    def __init__(self, home: Home, job: NewJob, attention: Attention, now: Callable[[], bytes]) -> None:
        self._home = home
        self._job = job
        self._attention = attention
        self._now = now

    async def insert(self) -> Receipt:
        hints = self._home.holds.hints
        before = hints.changes() if hints.server.up else ()
        return await self._home.inserts.submit(hints.server, before, self._job, self._now())

    def close(self) -> None:
        self._attention.close()


def _remade(change: Change, read: dict[str, Job]) -> tuple[int, bytes] | None:
    job = read.get(change.id)
    return None if job is None else (job.revision, amended_static(job, change))


def from_url(url: str, clock: Clock | None) -> RedisBackend:
    """``redis://[user:password@]host:port/db`` or ``rediss://``, with options ``prefix``, ``timeout`` and TLS files.

    Raises ``ConfigError`` for what cannot be used; nothing is connected yet.
    """
    return RedisBackend(parse_address(url), clock)
