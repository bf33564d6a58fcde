"""Whether the service can do its work: the store is asked to write, at most once a second however many ask."""

from __future__ import annotations

import asyncio
import secrets
import time

import msgspec

from abaca.backend import Backend
from abaca.errors import AbacaError
from abaca.http.service import Service
from abaca.model import MINUTE_MS, Record, Verdict

PROBE = "probe"
"""The kind of the records that readiness writes; each is gone a minute after its service."""
PATIENCE = 5.0
"""Seconds after which a store that does not answer counts as away."""
_FRESH = 1.0


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """``write_ms``: how long the store took to write; ``error`` says why it did not."""

    ready: bool
    write_ms: float | None
    error: str | None


class Probe:
    """One for each service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._id = secrets.token_hex(8)
        self._lock = asyncio.Lock()
        self._at = float("-inf")
        self._last = Probed(ready=False, write_ms=None, error="not asked yet")

    async def close(self) -> None:
        """Nothing is open."""

    async def look(self) -> Probed:
        async with self._lock:
            if time.monotonic() - self._at >= _FRESH:
                self._last = await self._ask()
                self._at = time.monotonic()
            return self._last

    async def _ask(self) -> Probed:
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE):
                written = await _write(self._id, await self._service.app.backend())
        except TimeoutError:
            return Probed(ready=False, write_ms=None, error=f"the store did not answer within {PATIENCE:g} s")
        except (AbacaError, OSError):
            return Probed(ready=False, write_ms=None, error="the store cannot be reached")
        took = (time.perf_counter() - begun) * 1000
        return Probed(ready=written, write_ms=round(took, 3), error=None if written else "the store refused a write")


async def _write(id: str, backend: Backend) -> bool:
    (record,) = await backend.read(PROBE, [id])
    version = 0 if record is None else record.version
    probe = Record(kind=PROBE, id=id, data=b"true", version=version, expires_ms=MINUTE_MS)
    return await backend.put([probe]) == [Verdict.APPLIED]
