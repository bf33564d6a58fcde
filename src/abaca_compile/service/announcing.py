"""What workers tell of themselves, so that a service on another machine knows which compilers there are.

Each worker keeps one record: when it was seen, what it has done, and the digest of its catalogue, which is a record of
its own, written once for all workers that have the same. A worker that left or vanished is not counted as live; what it
had stays known for a day, so that jobs are accepted while all workers restart.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
import socket
import time

import msgspec

from abaca import App, BackendError, Record, Verdict
from abaca_compile.model import Environment
from abaca_compile.model.base import Value
from abaca_compile.service.engines import Engines
from abaca_compile.service.tally import Tally, Totals

WORKER = "compile_worker"
CATALOGUE = "compile_catalogue"
REFRESH = "compile_refresh"
"""Kinds of records. That of ``REFRESH`` is written anew to ask every worker to look again for compilers."""
LIVE = 30.0
"""Seconds after its last word for which a worker counts as live."""
_TICK = 1.0
_LATEST_WORD = 10.0
_OPEN_AGAIN = 30.0
_KEPT_MS = 24 * 3600 * 1000


class WorkerRecord(Value, frozen=True, kw_only=True):
    """``catalogue`` is a digest, empty where no compiler can be run: then ``trouble`` says why. Times are seconds since
    the epoch by the worker's clock."""

    name: str
    started_at: float
    seen_at: float
    slots: int
    active: int = 0
    catalogue: str = ""
    trouble: str | None = None
    totals: Totals = Totals()
    left: bool = False

    @property
    def is_live(self) -> bool:
        return not self.left and time.time() - self.seen_at < LIVE


_encode = msgspec.json.Encoder(order="deterministic").encode
decode_worker = msgspec.json.Decoder(WorkerRecord).decode
decode_catalogue = msgspec.json.Decoder(tuple[Environment, ...]).decode


class Announcer:
    """Runs beside a worker: opens the engine before the first job needs it, and keeps the worker's record."""

    def __init__(self, app: App, engines: Engines, tally: Tally, slots: int) -> None:
        self._app = app
        self._engines = engines
        self._tally = tally
        self._id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._record = WorkerRecord(name=self._id, started_at=time.time(), seen_at=0.0, slots=slots)
        self._version = 0
        self._asked = 0
        self._opened_at = 0.0

    async def run(self) -> None:
        """Until it is cancelled; then the worker has left, and its engine is closed."""
        try:
            while True:
                try:
                    await self._tell()
                except BackendError:
                    pass  # the store is away: the next word says all
                await asyncio.sleep(_TICK)
        finally:
            await self._leave()

    async def _tell(self) -> None:
        await self._look()
        now = WorkerRecord(
            name=self._id,
            started_at=self._record.started_at,
            seen_at=time.time(),
            slots=self._record.slots,
            active=self._tally.active,
            catalogue=self._record.catalogue,
            trouble=self._record.trouble,
            totals=self._tally.totals,
        )
        said = msgspec.structs.replace(now, seen_at=self._record.seen_at)
        if said != self._record or now.seen_at - self._record.seen_at > _LATEST_WORD:
            await self._write(now)

    async def _look(self) -> None:
        """Learn what this machine has: at the start, when somebody asks for it, and again where it failed."""
        (asked,) = await self._app.records.read(REFRESH, ["all"])
        version = 0 if asked is None else asked.version
        is_asked = self._opened_at > 0 and version != self._asked
        failed = self._record.trouble is not None and time.monotonic() - self._opened_at > _OPEN_AGAIN
        if self._opened_at and not is_asked and not failed:
            return
        self._asked, self._opened_at = version, time.monotonic()
        try:
            engine = await self._engines.get()
            catalogue = await engine.refresh() if is_asked else engine.catalogue
        except Exception as error:  # whatever it is, people are to see it where they ask for compilers
            trouble = str(error) or type(error).__name__
            if trouble != self._record.trouble:
                logging.getLogger("abaca_compile").error("nothing can be compiled here: %s", trouble)
            self._record = msgspec.structs.replace(self._record, catalogue="", trouble=trouble, seen_at=0.0)
            return
        digest = await self._publish(catalogue.environments)
        self._record = msgspec.structs.replace(self._record, catalogue=digest, trouble=None, seen_at=0.0)

    async def _publish(self, environments: tuple[Environment, ...]) -> str:
        data = _encode(environments)
        digest = hashlib.sha256(data).hexdigest()[:32]
        (known,) = await self._app.records.read(CATALOGUE, [digest])
        version = 0 if known is None else known.version
        record = Record(kind=CATALOGUE, id=digest, data=data, version=version, expires_ms=_KEPT_MS * 2)
        await self._app.records.put([record])
        return digest

    async def _write(self, word: WorkerRecord) -> None:
        record = Record(kind=WORKER, id=self._id, data=_encode(word), version=self._version, expires_ms=_KEPT_MS)
        if await self._app.records.put([record]) == [Verdict.APPLIED]:
            self._version += 1
            self._record = word
            return
        (stored,) = await self._app.records.read(WORKER, [self._id])  # a reply was lost, or the record
        self._version = 0 if stored is None else stored.version

    async def _leave(self) -> None:
        word = msgspec.structs.replace(
            self._record, seen_at=time.time(), active=0, totals=self._tally.totals, left=True
        )
        try:
            if self._record.seen_at:
                await asyncio.wait_for(self._write(word), 1.0)
        except (BackendError, TimeoutError):
            pass  # it is found to be gone when it has been silent for long enough
        finally:
            await self._engines.close()
