"""Claims that are held open: the call waits here, the server keeps a note of what it wants."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from abaca.backends.redis.address import Address
from abaca.backends.redis.hints import Hints
from abaca.backends.redis.keys import inbox
from abaca.backends.redis.packing import unpack_claimed, unpack_job
from abaca.backends.redis.requests import pack_want
from abaca.backends.signal import Signal
from abaca.model import Job, Lease, Want

_ASK_AGAIN = 1.0
_NAME_BYTES = 24
_HANDED_HEAD = _NAME_BYTES + 8


@dataclass(slots=True, eq=False)
class Waiter:
    """One held call. ``woken`` is set when jobs came, when it should ask again, and when it should end."""

    name: str
    want: bytes
    lease: Lease
    woken: Signal
    handed: list[Job] = field(default_factory=list)
    released: bool = False


class Holds:
    """All of its talk with the server goes over the subscribed connection.

    What was handed over is then always here before the answer to a later question, so nothing is taken twice.
    """

    def __init__(self, address: Address, base: bytes, clock: Any) -> None:
        self.hints = Hints(address, base, self._handed, self._wake_all)
        self._base = base
        self._clock = clock
        self._token = secrets.token_hex(8)
        self._channel = inbox(self._base, self._token)
        self._count = 0
        self._listening = False
        self._waiters: dict[str, Waiter] = {}
        self._leaving: set[asyncio.Task[Any]] = set()

    async def prepare(self, want: Want, lease: Lease) -> Waiter:
        """A waiter whose channel is subscribed to, for the ``exchange`` that may register it."""
        name = self._next_name()
        waiter = Waiter(name, pack_want(want, lease, name, self._channel), lease, Signal())
        self._waiters[name] = waiter  # before the first await, so that a call to let go finds it
        if not self._listening:
            try:
                await self.hints.hold({self._channel: ""})
            except BaseException:
                self.settle(waiter)
                raise
            self._listening = True
        return waiter

    def _next_name(self) -> str:
        self._count = (self._count + 1) % (1 << 32)
        return f"{self._token}{self._count:08x}"

    def settle(self, waiter: Waiter) -> None:
        """The call is over and nothing is registered."""
        self._waiters.pop(waiter.name, None)

    async def wait(self, waiter: Waiter, want: Want, lease: Lease, now: int, due: int) -> list[Job]:
        """Until jobs come or the time is over. ``due`` is when the next job is, 0 for none."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + want.hold_ms / 1000
        try:
            while True:
                left = ends - loop.time()
                until_due = max(0.0, (due - now) / 1e6) if due else _ASK_AGAIN
                await waiter.woken.wait(min(left, until_due, _ASK_AGAIN))
                if waiter.handed:
                    return waiter.handed
                if waiter.released or loop.time() >= ends:
                    if self.hints.server.up:
                        await self._leave(waiter)
                    return waiter.handed
                gone, now, due, jobs = await self._ask(waiter)
                if gone and not waiter.handed:
                    self._rename(waiter, want, lease)
                    _, now, due, jobs = await self._ask(waiter, anew=b"1")
                if jobs or waiter.handed:
                    return [*waiter.handed, *jobs]
        except BaseException:
            self.abandon(waiter)
            raise
        finally:
            self._waiters.pop(waiter.name, None)

    def _rename(self, waiter: Waiter, want: Want, lease: Lease) -> None:
        self._waiters.pop(waiter.name, None)
        waiter.name = self._next_name()
        waiter.want = pack_want(want, lease, waiter.name, self._channel)
        self._waiters[waiter.name] = waiter

    async def _ask(self, waiter: Waiter, anew: bytes = b"") -> tuple[bool, int, int, list[Job]]:
        answer = await self.hints.server.run("hold", self._base, self._clock(), waiter.want, anew)
        now = int(answer[0])
        return (
            answer[1] == b"1",
            now,
            int(answer[2]),
            unpack_claimed(answer[3:], now, waiter.lease.worker, waiter.lease.ms),
        )

    async def _leave(self, waiter: Waiter) -> None:
        await self.hints.server.run("unhold", self._base, self._clock(), waiter.want)

    def abandon(self, waiter: Waiter) -> None:
        """Take the note back without waiting for it. A job that was handed over meanwhile comes back with its lease."""
        self._waiters.pop(waiter.name, None)
        if self.hints.server.up:
            task = asyncio.create_task(self._leave(waiter))
            self._leaving.add(task)
            task.add_done_callback(self._left)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._leaving.discard(task)
        if not task.cancelled():
            task.exception()

    def release_all(self) -> None:
        """End the held calls; each answers with what it has."""
        for waiter in self._waiters.values():
            waiter.released = True
            waiter.woken.set()

    def _wake_all(self) -> None:
        for waiter in self._waiters.values():
            waiter.woken.set()

    def _handed(self, data: bytes) -> None:
        waiter = self._waiters.get(data[:_NAME_BYTES].decode())
        if waiter is None:
            return
        now = int.from_bytes(data[_NAME_BYTES:_HANDED_HEAD], "little")
        parts: list[bytes] = []
        at = _HANDED_HEAD
        while at < len(data):
            size = int.from_bytes(data[at + 16 : at + 20], "little")
            parts += (data[at : at + 16], data[at + 20 : at + 20 + size])
            at += 20 + size
        if parts:  # none: only a word that the next due time may be another
            waiter.handed = unpack_claimed(parts, now, waiter.lease.worker, waiter.lease.ms)
        waiter.woken.set()


def jobs_of(parts: Sequence[bytes], now: int) -> list[Job]:
    """Jobs from an answer's tail of id, record, id, record."""
    each = iter(parts)
    return [unpack_job(id, value, now) for id, value in zip(each, each, strict=True)]
