"""What all workers have together, as a service sees it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from abaca import App, Record, Verdict
from abaca_compile.catalogue import Catalogue
from abaca_compile.model import Environment
from abaca_compile.service.announcing import CATALOGUE, REFRESH, WORKER, WorkerRecord, decode_catalogue, decode_worker

_FRESH = 1.0
"""Seconds for which one look at the records is good enough."""
_PAGE = 500
_WEEK_MS = 7 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """``workers`` are those of the last day, ``catalogue`` what the live ones have; where none is live, what the last
    ones had. ``machines`` are the catalogues by digest."""

    workers: tuple[WorkerRecord, ...]
    machines: dict[str, tuple[Environment, ...]]
    catalogue: Catalogue

    @property
    def live(self) -> tuple[WorkerRecord, ...]:
        return tuple(worker for worker in self.workers if worker.is_live)

    @property
    def trouble(self) -> str | None:
        """Why nothing can be compiled, where the workers said why."""
        said = [worker.trouble for worker in self.live if worker.trouble is not None]
        return said[0] if said and not self.catalogue.environments else None

    def having(self, id: str) -> dict[str, Environment | None]:
        """The environment as each live worker has it, by the worker's name; ``None`` where it has none of the name."""
        found: dict[str, Environment | None] = {}
        for worker in self.live:
            mine = self.machines.get(worker.catalogue, ())
            found[worker.name] = next((environment for environment in mine if environment.id == id), None)
        return found


class Fleets:
    """Reads the fleet, at most once a second."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._machines: dict[str, tuple[Environment, ...]] = {}
        self._made: tuple[frozenset[str], Catalogue] = (frozenset(), Catalogue(()))
        self._last: Fleet | None = None
        self._read_at = -_FRESH

    async def read(self) -> Fleet:
        now = time.monotonic()
        if self._last is None or now - self._read_at >= _FRESH:
            return await self.look()
        return self._last

    async def look(self) -> Fleet:
        """The same as it is now."""
        self._last = await self._fleet()
        self._read_at = time.monotonic()
        return self._last

    async def refresh(self) -> None:
        """Ask every worker to look again for compilers."""
        (stored,) = await self._app.records.read(REFRESH, ["all"])
        version = 0 if stored is None else stored.version
        record = Record(kind=REFRESH, id="all", data=b"{}", version=version, expires_ms=_WEEK_MS)
        if await self._app.records.put([record]) != [Verdict.APPLIED]:
            return  # somebody asked at the same moment, which is as good

    async def _fleet(self) -> Fleet:
        workers = sorted(await self._workers(), key=lambda worker: worker.started_at)
        live = {worker.catalogue for worker in workers if worker.is_live and worker.catalogue}
        wanted = live or set([worker.catalogue for worker in workers if worker.catalogue][-1:])
        await self._learn(wanted)
        self._machines = {digest: self._machines[digest] for digest in wanted & set(self._machines)}
        return Fleet(workers=tuple(workers), machines=dict(self._machines), catalogue=self._catalogue(wanted))

    async def _workers(self) -> list[WorkerRecord]:
        found: list[WorkerRecord] = []
        after = ""
        while page := await self._app.records.scan(WORKER, after, _PAGE):
            found += [decode_worker(record.data) for record in page if record.data is not None]
            after = page[-1].id
        return found

    async def _learn(self, digests: Iterable[str]) -> None:
        unknown = [digest for digest in digests if digest not in self._machines]
        for record in await self._app.records.read(CATALOGUE, unknown) if unknown else ():
            if record is not None and record.data is not None:
                self._machines[record.id] = decode_catalogue(record.data)

    def _catalogue(self, digests: set[str]) -> Catalogue:
        key = frozenset(digests & set(self._machines))
        if key != self._made[0]:
            every = [environment for digest in sorted(key) for environment in self._machines[digest]]
            self._made = key, Catalogue(every)
        return self._made[1]
