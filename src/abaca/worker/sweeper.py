"""Takes blobs away whose jobs no longer refer to them. Every worker runs one, and they take turns.

A blob is garbage when it is older than an hour by its place's own clock, and its job, read after the blob was listed,
is unknown, purged, or ended and refers to others. Why that is safe:

- A blob of a run can only be referred to by that run's own settle, and that applies only while the job is running at
  that epoch. A job that has ended never runs at an old epoch again.
- A blob of arguments is named by the job that an insert brings; the insert follows within minutes, or never comes.
- No name is used twice, so what is deleted is what was judged.
- The store's own space is listed only, so nothing of another store is ever seen.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable

from abaca.backend import Backend
from abaca.buggify import buggify
from abaca.codec import NotHere, is_reference, read_reference
from abaca.errors import BackendUnavailable, PlaceUnavailable
from abaca.logs import worker_log
from abaca.model import Job, Record, Verdict
from abaca.places import Blob, Blobs
from abaca.places.space import PLACE, space_of

SPARED = 3600.0
"""Seconds for which a blob is left alone whatever is known of its job."""
BATCH = 500
_BATCHES = 20
_TURN_MS = 60_000
_PAUSE = 60.0
_TURN = "turn"
_CURSOR = "cursor"


class Sweeper:
    def __init__(
        self, backend: Backend, blobs: Blobs, *, spared: float = SPARED, batch: int = BATCH, pause: float = _PAUSE
    ) -> None:
        self._backend = backend
        self._blobs = blobs
        self._spared = round(spared * 1e6)
        self._batch = batch
        self._pause = pause

    async def run(self) -> None:
        """Until cancelled. Ends at once where every payload stays in its record."""
        while self._blobs.elsewhere:
            await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))
            try:
                if await self._is_my_turn():
                    await self.sweep()
            except (BackendUnavailable, PlaceUnavailable) as error:
                worker_log().warning("sweeping results waits", error=str(error))
            except Exception as error:
                worker_log().error("sweeping results failed, trying again", error=repr(error))

    async def _is_my_turn(self) -> bool:
        """Of all workers one sweeps in a minute: whose record is taken while the last one has expired."""
        turn = Record(kind=PLACE, id=_TURN, data=b"taken", expires_ms=_TURN_MS)
        return (await self._backend.put([turn]))[0] is Verdict.APPLIED

    async def sweep(self) -> int:
        """Go on where the last sweep ended, for some batches; answers how many blobs were taken away."""
        space = await space_of(self._backend)
        if space is None:
            return 0
        gone = 0
        for _ in range(_BATCHES):
            cursor = (await self._backend.read(PLACE, [_CURSOR]))[0]
            page = await self._blobs.place.page(space, _text(cursor), self._batch)
            gone += await self._take_garbage(space, [blob for blob in page.blobs if blob.at <= page.now - self._spared])
            await self._remember(cursor, page.after or "")
            if page.after is None:
                break
        return gone

    async def _take_garbage(self, space: str, old: list[Blob]) -> int:
        if not old:
            return 0
        buggify("sweeper.before_get")
        ids = list(dict.fromkeys(blob.job_id for blob in old))
        jobs = dict(zip(ids, await self._backend.get(ids), strict=True))
        garbage = [blob for blob in old if is_garbage(blob, jobs[blob.job_id])]
        for blob in garbage:
            await self._blobs.place.delete(space, blob.name)
        return len(garbage)

    async def _remember(self, cursor: Record | None, after: str) -> None:
        """Whoever else sweeps at this moment may win; then some blobs are looked at twice."""
        version = cursor.version if cursor is not None else 0
        if after or version:
            await self._backend.put([Record(kind=PLACE, id=_CURSOR, data=after.encode(), version=version)])


def is_garbage(blob: Blob, job: Job | None) -> bool:
    """Whether nothing refers to an old blob, and nothing ever will. ``job`` was read after the blob was listed."""
    if job is None or job.purged:
        return True
    if job.damage is not None or not job.state.ended:
        return False
    try:
        return blob.name not in set(_names(job.result, job.spec.args))
    except NotHere:  # a reference that cannot be read might be to this one
        return False


def _names(*stored: bytes | None) -> Iterable[str]:
    return (read_reference(data).name for data in stored if data is not None and is_reference(data))


def _text(record: Record | None) -> str:
    return (record.data or b"").decode(errors="replace") if record is not None else ""
