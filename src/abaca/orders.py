"""Orders to one worker: records that it reads at each beat."""

from __future__ import annotations

from abaca.backend import Backend
from abaca.model import Record

KIND = "order"
DRAIN = b"drain"
_LIFE_MS = 3_600_000


async def order_drain(backend: Backend, worker: str) -> None:
    """Tell a worker to drain and end, as SIGTERM does. It hears of it within a beat; an hour later it is forgotten."""
    (present,) = await backend.read(KIND, [worker])
    version = 0 if present is None else present.version
    await backend.put([Record(kind=KIND, id=worker, data=DRAIN, version=version, expires_ms=_LIFE_MS)])


async def told_to_drain(backend: Backend, worker: str) -> bool:
    (record,) = await backend.read(KIND, [worker])
    return record is not None and record.data == DRAIN
