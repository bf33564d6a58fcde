"""Items of a run on their way to the store: numbered within the job, and at most so many ahead of it."""

from __future__ import annotations

import concurrent.futures
import threading
from typing import Any

from abaca.backend import MAX_BATCH_BYTES
from abaca.codec import ResultCodec
from abaca.model import Kind
from abaca.port import Await, Keep, Port, Recall, Recalled
from abaca.steps import Flow, drive, drive_sync, final

MOST_AHEAD = 100
"""How many items the store may not have acknowledged yet when the next one is made."""


class Items:
    """The items of one run. Offsets go on from what the store has; threads may emit at the same time."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self._lock = threading.Lock()
        self._next: int | None = 0 if port.epoch == 1 else None
        self._count = 0
        self._bytes = 0
        self._room: concurrent.futures.Future[None] | None = None
        self._error: BaseException | None = None
        self._untyped: ResultCodec[Any] = ResultCodec(Any, what=f"job {port.job_id}", limit=port.limit, noun="item")

    @property
    def next_offset(self) -> int | None:
        """The offset of the next item, ``None`` while it is not known."""
        return self._next

    def recall(self) -> Flow[int]:
        """Learn from the store how many items it has."""
        if self._next is None:
            recalled: Recalled = yield Recall(steps=False)
            with self._lock:
                if self._next is None:
                    self._next = recalled.items
        return self._next

    def emit(self, item: Any, codec: ResultCodec[Any] | None = None) -> Flow[int]:
        """Send one item on its way; answers its offset. Waits while too many are under way."""
        data = final(lambda: (codec or self._untyped).encode_text(item))
        yield from self.recall()
        while True:
            sent = self._send(data)
            if not isinstance(sent, concurrent.futures.Future):
                return sent
            yield Await(sent)

    def _send(self, item: bytes) -> int | concurrent.futures.Future[None]:
        """The item's offset, or what to wait for before it is tried again."""
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._count >= MOST_AHEAD or (self._count and self._bytes + len(item) > MAX_BATCH_BYTES):
                if self._room is None:
                    self._room = concurrent.futures.Future()
                return self._room
            assert self._next is not None
            offset = self._next
            self._next += 1
            self._count += 1
            self._bytes += len(item)
            entry = Keep(b'{"offset":%d,"item":%b}' % (offset, item), Kind.ITEM, waits=False)
            self.port.send(entry, lambda error: self._acknowledged(len(item), error))
            return offset

    def _acknowledged(self, size: int, error: BaseException | None) -> None:
        with self._lock:
            self._count -= 1
            self._bytes -= size
            self._error = self._error or error
            room = None
            if self._room is not None and (self._count <= MOST_AHEAD // 2 or self._error is not None):
                room, self._room = self._room, None
        if room is not None and room.set_running_or_notify_cancel():
            room.set_result(None)


class Emitter:
    """The items of one run as a generator handler makes them, all of one type."""

    def __init__(self, items: Items, codec: ResultCodec[Any]) -> None:
        self._items = items
        self._codec = codec

    async def recall(self) -> int:
        return await drive(self._items.port, self._items.recall())

    async def emit(self, item: Any) -> int:
        return await drive(self._items.port, self._items.emit(item, self._codec))

    def recall_sync(self) -> int:
        return drive_sync(self._items.port, self._items.recall())

    def emit_sync(self, item: Any) -> int:
        return drive_sync(self._items.port, self._items.emit(item, self._codec))
