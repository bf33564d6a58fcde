"""Exchanges: ends go to the server, claims come back; ends and a held claim of the same moment travel together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from abaca.backends.redis.hold import Holds
from abaca.backends.redis.packing import unpack_claimed
from abaca.backends.redis.requests import pack_settles, pack_want
from abaca.backends.redis.server import Server
from abaca.errors import BackendUnavailable
from abaca.model import Exchanged, Job, Lease, Settle, Verdict, Want

_DIGIT = 48
VERDICTS = {_DIGIT + verdict: verdict for verdict in Verdict}


@dataclass(slots=True, eq=False)
class _Settling:
    words: list[bytes]
    verdicts: asyncio.Future[list[Verdict]]

    def fail(self, error: BaseException) -> None:
        if self.verdicts.done():
            return
        if isinstance(error, Exception):
            self.verdicts.set_exception(error)
        else:  # the call that carried it was cancelled
            message = "the call was given up; whether it took effect is unknown; it may be repeated"
            self.verdicts.set_exception(BackendUnavailable(message))


class Exchanges:
    """A call that only settles waits one turn of the event loop for a held claim, and then leaves by itself."""

    def __init__(self, server: Server, base: bytes, holds: Holds, clock: Callable[[], bytes]) -> None:
        self._server = server
        self._base = base
        self._holds = holds
        self._clock = clock
        self._waiting: _Settling | None = None
        self._sending: set[asyncio.Task[None]] = set()

    async def exchange(self, done: Sequence[Settle], want: Want | None, lease: Lease) -> Exchanged:
        if want is None:
            return Exchanged(verdicts=await self._settle(done), jobs=[])
        if want.hold_ms:
            return await self._held(done, want, lease)
        verdicts, _, _, jobs = _read(await self._run(pack_want(want, lease, "", b""), pack_settles(done)), lease)
        return Exchanged(verdicts=verdicts, jobs=jobs)

    async def _run(self, want: bytes, words: list[bytes]) -> list[bytes]:
        answer: list[bytes] = await self._server.run("exchange", self._base, self._clock(), want, *words)
        return answer

    async def _settle(self, done: Sequence[Settle]) -> list[Verdict]:
        loop = asyncio.get_running_loop()
        call = _Settling(pack_settles(done), loop.create_future())
        self._send_waiting()
        self._waiting = call
        loop.call_soon(self._leave, call)
        return await call.verdicts

    def _leave(self, call: _Settling) -> None:
        if self._waiting is call:
            self._send_waiting()

    def _send_waiting(self) -> None:
        call, self._waiting = self._waiting, None
        if call is not None:
            task = asyncio.create_task(self._send(call))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, call: _Settling) -> None:
        try:
            answer = await self._run(b"", call.words)
        except BaseException as error:
            call.fail(error)
            if not isinstance(error, Exception):
                raise
        else:
            _answer(call, answer)

    async def _held(self, done: Sequence[Settle], want: Want, lease: Lease) -> Exchanged:
        waiter = await self._holds.prepare(want, lease)
        call = None
        if not done:
            call, self._waiting = self._waiting, None
        try:
            answer = await self._run(waiter.want, pack_settles(done) if call is None else call.words)
        except BaseException as error:
            self._holds.abandon(waiter)
            if call is not None:
                call.fail(error)
            raise
        if call is not None:
            _answer(call, answer)
        verdicts, now, due, jobs = _read(answer, lease)
        if jobs:
            self._holds.settle(waiter)
        else:
            jobs = await self._holds.wait(waiter, want, lease, now, due)
        return Exchanged(verdicts=verdicts if call is None else [], jobs=jobs)


def _answer(call: _Settling, answer: list[bytes]) -> None:
    if not call.verdicts.done():
        call.verdicts.set_result([VERDICTS[digit] for digit in answer[1]])


def _read(answer: list[bytes], lease: Lease) -> tuple[list[Verdict], int, int, list[Job]]:
    now = int(answer[0])
    verdicts = [VERDICTS[digit] for digit in answer[1]]
    return verdicts, now, int(answer[2]), unpack_claimed(answer[3:], now, lease.worker, lease.ms)
