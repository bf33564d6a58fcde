"""Counts of documents, from rows of (collection, status, documents, chunks, bytes)."""

from __future__ import annotations

from collections import defaultdict

from abaca_documents.model import CollectionStats, DocumentFilter, DocumentStats, DocumentStatus
from abaca_documents.registry.asking import fits_status


class Counts:
    def __init__(self) -> None:
        self._of: dict[str, dict[DocumentStatus, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))

    def add(self, collection: str, status: str, documents: int, chunks: int, size: int) -> None:
        kept = self._of[collection][DocumentStatus(status)]
        for at, more in enumerate((documents, chunks, size)):
            kept[at] += more

    def matching(self, filter: DocumentFilter) -> int:
        return sum(
            kept[0] for each in self._of.values() for status, kept in each.items() if fits_status(filter, status)
        )

    def of(self, name: str) -> CollectionStats:
        by_status = {status: kept for status, kept in self._of[name].items() if kept[0]}
        documents, chunks, size = _living(by_status)
        return CollectionStats(
            name=name,
            documents=documents,
            chunks=chunks,
            bytes=size,
            by_status={status.value: kept[0] for status, kept in sorted(by_status.items())},
        )

    def overall(self, collections: int) -> DocumentStats:
        each = [self.of(name) for name in sorted(self._of)]
        by_status: dict[DocumentStatus, int] = defaultdict(int)
        for stats in each:
            for status, count in stats.by_status.items():
                by_status[DocumentStatus(status)] += count
        return DocumentStats(
            total=sum(stats.documents for stats in each),
            by_status=dict(sorted(by_status.items())),
            by_collection={stats.name: stats.documents for stats in each if stats.documents},
            chunks=sum(stats.chunks for stats in each),
            bytes=sum(stats.bytes for stats in each),
            collections=collections,
        )


def _living(by_status: dict[DocumentStatus, list[int]]) -> tuple[int, int, int]:
    living = [kept for status, kept in by_status.items() if status is not DocumentStatus.DELETED]
    documents, chunks, size = (sum(kept[at] for kept in living) for at in range(3))
    return documents, chunks, size
