"""Answers that were given before, for as long as nothing changed that they depend on."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from abaca_documents.model import Collection, SearchRequest, SearchResponse

Key = bytes


class SearchCache:
    """Keyed by the request and by how often each of its collections has changed, so a write makes an answer unfindable
    at once, in every process. It holds text of documents in memory only, for at most `seconds`."""

    def __init__(self, most: int = 1000, seconds: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._kept: OrderedDict[Key, tuple[float, tuple[str, ...], SearchResponse]] = OrderedDict()

    @staticmethod
    def key(request: SearchRequest, collections: Sequence[Collection], changes: Mapping[str, int]) -> Key:
        states = [
            (each.name, each.index.number, changes.get(each.name, 0), each.created_at.timestamp())
            for each in collections
        ]
        return msgspec.json.encode((request, states))

    def find(self, key: Key) -> SearchResponse | None:
        found = self._kept.get(key)
        if found is None:
            return None
        if self._clock() - found[0] > self._seconds:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return found[2]

    def keep(self, key: Key, names: Iterable[str], answer: SearchResponse) -> None:
        self._kept[key] = (self._clock(), tuple(names), answer)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def forget(self, collection: str) -> int:
        """Drop the answers from a collection, when text of it must be nowhere any more; how many there were."""
        gone = [key for key, (_, names, _) in self._kept.items() if collection in names]
        for key in gone:
            del self._kept[key]
        return len(gone)
