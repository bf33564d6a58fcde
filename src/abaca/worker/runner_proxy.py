"""A runner process as its supervisor sees it: what it holds, what it was told, how it died."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from abaca.measures import Measures
from abaca.policy.outcome import Crashed, Outcome, Released, TimedOut, WasCancelled
from abaca.worker.held import HeldRun
from abaca.worker.link import (
    Announced,
    Apart,
    Begins,
    Called,
    ChildEnded,
    ChildStarted,
    Configure,
    Counters,
    Drain,
    Drained,
    FrameReader,
    Hopeless,
    Message,
    Over,
    Ready,
    StopRun,
    Taken,
    frame,
    run_key,
)
from abaca.worker.runs import RunKey, StopReason
from abaca.worker.spawn import Kept, end_left_over, end_tree, spawn

_LEAVES_BY_ITSELF = 4.0
"""A runner says good-bye to nobody: it has this long after its link closed, for what it still writes."""

_UNREAD = 0.02
"""Seconds for which the link is not read again. Deadlines are looked at far less often."""
_MUCH = 65_536

OnReady = Callable[["RunnerProxy", Ready], Awaitable[None]]


@dataclass(slots=True)
class _Entry(HeldRun):
    """A held run with its own deadline (monotonic; ``None`` without timeout) and the order to stop, if any.

    ``over``: its handler has ended, so there is nothing to kill, however long the store takes to hear of it.
    """

    timeout_ms: int = 0
    taken_at: float = 0.0
    reason: StopReason | None = None
    kill_at: float | None = None
    over: bool = False


class RunnerProxy(asyncio.Protocol):
    """One runner. ``gone`` is set when its end of the link is closed."""

    def __init__(
        self, default_lease_ms: int, on_ready: OnReady, on_announced: Callable[[], None] = lambda: None
    ) -> None:
        self._default_lease_ms = default_lease_ms
        self._on_announced = on_announced
        self._on_ready = on_ready
        self._reader = FrameReader(self._on_message, self._on_taken, self._on_gone)
        self._held: dict[bytes, _Entry] = {}
        self._groups: dict[int, RunKey | None] = {}
        self._apart: dict[RunKey, bool] = {}
        self._counters = Counters()
        self._culprits: dict[RunKey, StopReason] = {}
        self._executed = False
        self._released = False
        self._process: Kept
        self._transport: asyncio.WriteTransport
        self._connected: asyncio.Transport | None = None
        self._starting: asyncio.Future[None] | None = None
        self.ready = False
        self.hopeless: str | None = None
        self.gone = asyncio.Event()

    @classmethod
    async def start(
        cls, configure: Configure, default_lease_ms: int, on_ready: OnReady, on_announced: Callable[[], None]
    ) -> RunnerProxy:
        proxy = cls(default_lease_ms, on_ready, on_announced)
        proxy._process, ours = spawn("abaca.worker.runner_main")
        await asyncio.get_running_loop().create_connection(lambda: proxy, sock=ours)
        proxy.send(configure)
        return proxy

    @property
    def status(self) -> int | None:
        """The exit status; negative is a signal."""
        return self._process.returncode

    def send(self, message: Message) -> None:
        if not self.gone.is_set():
            self._transport.write(frame(message))

    def drain(self, seconds: float) -> None:
        """Ask the runner to finish. A death on the way there is a death like any other: no pill gets off free."""
        self.send(Drain(grace=seconds))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = self._connected = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """What comes meanwhile waits for a moment in the socket: a process less to wake for every job."""
        self._reader.feed(data)
        if self._connected is not None and len(data) < _MUCH:
            self._connected.pause_reading()
            asyncio.get_running_loop().call_later(_UNREAD, self._read_on)

    def _read_on(self) -> None:
        if self._connected is not None:
            self._connected.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connected = None
        self.gone.set()

    def _on_message(self, message: Message) -> None:
        match message:
            case Ready() | Announced() | Drained() | Hopeless():
                self._on_stage(message)
            case Counters():
                self._counters = message
            case ChildStarted(pid=pid, id=id, epoch=epoch):
                self._groups[pid] = (id, epoch) if id is not None else None
                if id is not None:
                    self._begins((id, epoch))
            case Begins(id=id, epoch=epoch):
                self._begins((id, epoch))
            case Over(id=id, epoch=epoch):
                self._end((id, epoch))
            case Apart(id=id, epoch=epoch, untouched=untouched):
                self._apart[id, epoch] = untouched
            case Called(runs=runs):
                self._call_begins(runs)
            case ChildEnded(pid=pid):
                self._groups.pop(pid, None)
            case _:
                pass

    def _on_stage(self, message: Ready | Announced | Drained | Hopeless) -> None:
        """How far it is between its start and its end."""
        match message:
            case Ready():
                self.ready = True
                self._starting = asyncio.ensure_future(self._on_ready(self, message))
            case Announced():
                self._on_announced()
            case Drained():
                self._released = True
            case Hopeless(reason=reason):
                self.hopeless = reason

    def _begins(self, key: RunKey) -> None:
        """Its time counts from here: what it waited for its process or its arguments is not its fault."""
        entry = self._held.get(_packed(key))
        if entry is not None and entry.reason is None:
            entry.taken_at, entry.kill_at = time.monotonic(), None

    def _call_begins(self, runs: tuple[RunKey, ...]) -> None:
        for run in runs:
            self._apart.pop(run, None)
            self._begins(run)

    def _end(self, key: RunKey) -> None:
        entry = self._held.get(_packed(key))
        if entry is not None:
            entry.over = True

    def _on_taken(self, runs: list[Taken], sent_at: float) -> None:
        now = time.monotonic()
        for packed, lease_ms, timeout_ms in runs:
            length = lease_ms or self._default_lease_ms
            self._held[packed] = _Entry(length, sent_at, timeout_ms=timeout_ms, taken_at=now)

    def _on_gone(self, runs: list[bytes]) -> None:
        for packed in runs:
            self._held.pop(packed, None)
            if self._culprits or self._apart:
                key = run_key(packed)
                self._culprits.pop(key, None)
                self._apart.pop(key, None)

    def held_runs(self) -> list[tuple[RunKey, HeldRun]]:
        return [(run_key(packed), entry) for packed, entry in self._held.items()]

    def holds(self, key: RunKey) -> bool:
        return _packed(key) in self._held

    def order_stop(self, key: RunKey, reason: StopReason, kill_at: float) -> bool:
        """Note that the run was told to stop; answers whether that is news."""
        entry = self._held[_packed(key)]
        if entry.reason is reason or entry.reason is StopReason.LOST:
            return False
        entry.reason = reason
        entry.kill_at = min(kill_at, entry.kill_at or kill_at)
        return True

    def enforce(self, now: float, grace: float) -> None:
        """Kill what should have ended: its own process group where it has one, else the whole runner."""
        for packed, entry in list(self._held.items()):
            if entry.over:
                continue
            if entry.timeout_ms and entry.reason is None and now >= entry.taken_at + entry.timeout_ms / 1000:
                id, epoch = run_key(packed)  # it may be over: then the runner says so
                self.send(StopRun(id=id, epoch=epoch, reason=StopReason.TIMED_OUT.value))
                entry.reason = StopReason.TIMED_OUT
                entry.kill_at = entry.taken_at + entry.timeout_ms / 1000 + grace
            if entry.kill_at is not None and now >= entry.kill_at:
                self._kill_run(packed, entry, now)

    def _kill_run(self, packed: bytes, entry: _Entry, now: float) -> None:
        key = run_key(packed)
        group = next((pid for pid, run in self._groups.items() if run == key), None)
        if group is not None and key not in self._culprits:
            self._culprits[key] = entry.reason or StopReason.TIMED_OUT
            entry.kill_at = now + 1.0  # then the runner itself, should it not notice
            end_tree(group)
            return
        self._culprits[key] = entry.reason or StopReason.TIMED_OUT
        self._executed = True
        self.kill()

    def kill(self, *, released: bool = False) -> None:
        """End the runner and every process under it. ``released``: nobody's fault, unless it had died before."""
        if self._process.is_alive():
            self._released = self._released or (released and not self.gone.is_set())  # a keeper outlives it a little
            self._process.kill()

    async def wait_gone(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.gone.wait(), seconds)
        except TimeoutError:
            pass

    async def reap(self) -> None:
        """Wait for the process after its link closed; one that closed the link but lives on is killed."""
        await self._process.wait(_LEAVES_BY_ITSELF)
        end_left_over(list(self._groups))
        self._transport.close()

    def counts(self) -> tuple[int, int, int, int]:
        counters = self._counters
        return counters.processed, counters.succeeded, counters.failed, counters.busy_ms

    def measures(self) -> Measures:
        return Measures.unpack(self._counters.measures)

    def left_over(self) -> list[RunKey]:
        return [run_key(packed) for packed in self._held]

    def crashed(self) -> bool:
        return not self._released and self.status != 0

    def post_mortem(self) -> dict[RunKey, Outcome]:
        """The outcome of every run that died here. A run whose lease was lost is not ours to judge."""
        keys = self.left_over()
        begun = {run for run in self._groups.values() if run is not None}
        alone = sum(key not in begun and key not in self._apart for key in keys) == 1
        return {
            key: self._outcome(key, alone=alone, begun=key in begun)
            for key in keys
            if self._culprits.get(key) is not StopReason.LOST
        }

    def _outcome(self, key: RunKey, *, alone: bool, begun: bool) -> Outcome:
        """``begun``: in a process of its own, so it did not end this one."""
        culprit = self._culprits.get(key)
        if culprit is StopReason.TIMED_OUT:
            return TimedOut(timeout_ms=self._held[_packed(key)].timeout_ms)
        if culprit is StopReason.CANCELLED:
            return WasCancelled()
        untouched = not begun and self._apart.get(key, False)
        if self._released or self.hopeless is not None or untouched:
            return Released()
        status = self.status or 0
        blameless = self._executed or begun or key in self._apart
        if status < 0:
            return Crashed(signal=-status, alone=alone and not blameless, blameless=blameless)
        return Crashed(exit_code=status, alone=alone and not blameless, blameless=blameless)


def _packed(key: RunKey) -> bytes:
    return bytes.fromhex(key[0]) + key[1].to_bytes(4, "little")
