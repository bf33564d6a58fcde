"""Reading a job's items, from any offset, while they come and after its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec

from abaca.backend import Backend
from abaca.client import Client, no_such_job
from abaca.codec import ResultCodec
from abaca.errors import ResultExpired
from abaca.following import follow
from abaca.jobresult import why_no_value
from abaca.model import History, Job, Kind, State, Value
from abaca.policy.history import FIRST_STORED_ID

PAGE = 100


class _Numbered(Value, frozen=True, kw_only=True):
    offset: int
    item: msgspec.Raw


_decode = msgspec.json.Decoder(_Numbered).decode


class ItemReader:
    """One reader of one job's items. ``next`` is the offset of the item that it gives next."""

    def __init__(self, client: Client, id: str, codec: ResultCodec[Any], after: int) -> None:
        self._client = client
        self._id = id
        self._codec = codec
        self._next = after
        self._entry = FIRST_STORED_ID - 1 + after

    async def read(self) -> AsyncIterator[Any]:
        """Items as they come; ends with the job. Raises what ``JobHandle.items`` promises."""
        async with aclosing(follow(self._client, self._id, self._page)) as parts:
            async for history in parts:
                for item in self._taken(history):
                    yield self._codec.decode(item)
                if len(history.entries) < PAGE and self._is_over(history.job):
                    return

    async def _page(self, backend: Backend) -> tuple[History, bool]:
        history = await backend.updates(self._id, self._entry, PAGE)
        return history, len(history.entries) == PAGE

    def _taken(self, history: History) -> list[bytes]:
        """The items that are new to the reader. Where it began too early it skips: an item's entry has at least as
        high a number as the item, however many other entries stand between."""
        taken = []
        for entry in history.entries:
            self._entry = entry.id
            if entry.kind is Kind.ITEM:
                numbered = _decode(entry.data)
                if numbered.offset < self._next:
                    self._entry = entry.id + self._next - numbered.offset - 1
                    if len(history.entries) == PAGE:
                        break
                else:
                    taken.append(bytes(numbered.item))
                    self._next = numbered.offset + 1
        return taken

    def _is_over(self, job: Job | None) -> bool:
        if job is None:
            raise no_such_job(self._id)
        if not job.state.ended:
            return False
        if job.state is not State.COMPLETED:
            raise why_no_value(job)
        if job.purged:
            raise ResultExpired(self._id, f"job {self._id} completed, but its items are no longer kept")
        return True
