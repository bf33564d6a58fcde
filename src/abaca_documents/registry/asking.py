"""Filters of documents: as a condition of SQL, and as a question to one document. Both answer the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from abaca_documents.filters import matches, read_filter
from abaca_documents.filtersql import to_sql
from abaca_documents.model import Document, DocumentFilter, DocumentStatus
from abaca_documents.registry.cursors import micros

_EQUAL = ("collection", "filename", "source_id", "content_hash")
_TIMES = (
    ("created_at", ">=", "created_after"),
    ("created_at", "<", "created_before"),
    ("updated_at", ">=", "updated_after"),
    ("updated_at", "<", "updated_before"),
)


def condition(filter: DocumentFilter) -> tuple[str, list[Any]]:
    """For rows named ``d``. Raises ``ValidationError``."""
    filter.validate()
    parts: list[str] = []
    values: list[Any] = []
    for name in _EQUAL:
        if (wanted := getattr(filter, name)) is not None:
            parts.append(f"d.{name} = ?")
            values.append(wanted)
    for column, operator, name in _TIMES:
        if (at := getattr(filter, name)) is not None:
            parts.append(f"d.{column} {operator} ?")
            values.append(micros(at))
    if filter.statuses:
        parts.append(f"d.status IN ({', '.join('?' * len(filter.statuses))})")
        values += [status.value for status in filter.statuses]
    elif not filter.include_deleted:
        parts.append("d.status <> 'deleted'")
    if filter.metadata:
        text, given = to_sql(read_filter(filter.metadata, "metadata"), "d.metadata")
        parts.append(text)
        values += given
    return " AND ".join(parts) or "1", values


def question(filter: DocumentFilter) -> Callable[[Document], bool]:
    """Raises ``ValidationError``."""
    filter.validate()
    node = read_filter(filter.metadata, "metadata") if filter.metadata else None
    after, before = filter.created_after, filter.created_before
    since, until = filter.updated_after, filter.updated_before

    def fits(document: Document) -> bool:
        return (
            all(getattr(filter, name) in (None, getattr(document, name)) for name in _EQUAL)
            and fits_status(filter, document.status)
            and (after is None or document.created_at >= after)
            and (before is None or document.created_at < before)
            and (since is None or document.updated_at >= since)
            and (until is None or document.updated_at < until)
            and (node is None or matches(node, document.metadata))
        )

    return fits


def only_counts(filter: DocumentFilter) -> bool:
    """Whether counts by collection and status answer it."""
    plain = DocumentFilter(
        collection=filter.collection, statuses=filter.statuses, include_deleted=filter.include_deleted
    )
    return filter == plain


def fits_status(filter: DocumentFilter, status: DocumentStatus) -> bool:
    if filter.statuses:
        return status in filter.statuses
    return filter.include_deleted or status is not DocumentStatus.DELETED
