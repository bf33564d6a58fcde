"""The heart of an embedded worker: a thread with an event loop and a connection of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager

from abaca.backend import Backend
from abaca.codec import new_id
from abaca.logs import worker_log
from abaca.measures import Measures
from abaca.model import Card, Lease
from abaca.places import Blobs
from abaca.policies import PolicyReader
from abaca.worker.folder import Folder
from abaca.worker.heart import Heart, Held
from abaca.worker.orders import Orders
from abaca.worker.purger import Purger
from abaca.worker.reaper import Reaper
from abaca.worker.recorder import Recorder
from abaca.worker.runs import RunKey, StopReason
from abaca.worker.sweeper import Sweeper
from abaca.worker.ticker import Ticker
from abaca.worker.timed import timed

_LAST_WORDS = 1.0

Connect = Callable[[], AbstractAsyncContextManager[Backend]]


class HeartThread:
    """Beats, reaping, purging, sweeping and firing schedules.

    ``stop_run``, ``suspend`` and ``drain`` are called on the event loop that made this object.
    """

    def __init__(
        self,
        connect: Connect,
        lease: Lease,
        *,
        held: Held,
        stop_run: Callable[[RunKey, StopReason], None],
        card: Callable[[], Card],
        beat: float,
        name: str,
        suspend: Callable[[bool], None] = lambda suspended: None,
        drain: Callable[[], None] = lambda: None,
        schedules: Callable[[], Collection[str]] = tuple,
        counted: Callable[[], Measures] = Measures,
        blobs: Blobs | None = None,
    ) -> None:
        self._blobs = blobs or Blobs()
        self._schedules = schedules
        self._counted_by_worker = counted
        self._measures = Measures()
        self._connect = connect
        self._lease = lease
        self._held = held
        self._stop_run = stop_run
        self._card = card
        self._beat = beat
        self._suspend = suspend
        self._drain = drain
        self._worker_loop = asyncio.get_running_loop()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._ready: Future[None] = Future()
        self._name = f"{lease.worker}.{new_id()[-8:]}"
        self._thread = threading.Thread(target=self._main, name=f"abaca-heart-{name}", daemon=True)

    async def start(self) -> None:
        """Connect and beat once. Raises what the connection raises."""
        self._thread.start()
        await asyncio.wrap_future(self._ready)

    async def stop(self) -> None:
        """Sign off and end the thread. Harmless when it has ended."""
        if self._loop is not None and self._stopping is not None:
            try:
                self._loop.call_soon_threadsafe(self._stopping.set)
            except RuntimeError:  # its loop is closed already
                pass
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def _main(self) -> None:
        try:
            asyncio.run(self._beat_until_stopped())
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            else:
                worker_log().error("heart stopped; its leases will end", worker=self._lease.worker, error=repr(error))

    async def _beat_until_stopped(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        async with self._connect() as inner:
            backend = timed(inner, self._measures)
            heart = Heart(
                backend,
                self._lease,
                held=self._held,
                stop=self._stop,
                card=self._card,
                beat=self._beat,
                beaten=self._beaten,
            )
            await heart.beat_once()
            recorder = Recorder(backend, self._name, self._counted, interval=self._beat)
            all_duties = (
                heart,
                Reaper(
                    backend,
                    self._lease,
                    measures=self._measures,
                    policies=PolicyReader(backend, self._beat),
                ),
                Purger(backend),
                Ticker(backend, self._schedules),
                Sweeper(backend, self._blobs),
                recorder,
                Folder(backend),
                Orders(backend, self._lease.worker, lambda: self._tell(self._drain), self._beat),
            )
            duties = [asyncio.create_task(duty.run()) for duty in all_duties]
            self._ready.set_result(None)
            try:
                await self._stopping.wait()
            finally:
                for duty in duties:
                    duty.cancel()
                await asyncio.gather(*duties, return_exceptions=True)
                await self._sign_off(backend, recorder)

    def _counted(self) -> Measures:
        counted = self._counted_by_worker()
        counted.add(self._measures)
        return counted

    async def _sign_off(self, backend: Backend, recorder: Recorder) -> None:
        try:
            async with asyncio.timeout(max(self._beat, _LAST_WORDS)):
                await recorder.record(last=True)
                await backend.sign_off(self._lease.worker)
        except Exception as error:  # the card leaves the registry by itself
            worker_log().debug("could not sign off", worker=self._lease.worker, error=repr(error))

    def _beaten(self, sent_at: float | None) -> None:
        self._tell(self._suspend, sent_at is None)

    def _stop(self, key: RunKey, reason: StopReason) -> None:
        self._tell(self._stop_run, key, reason)

    def _tell(self, whom: Callable[..., None], *what: object) -> None:
        try:
            self._worker_loop.call_soon_threadsafe(whom, *what)
        except RuntimeError:  # the worker's loop is closed; the leases end by themselves
            pass
