"""Which documents a request means: the filters of lists and of bulk acts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from abaca.http import invalid
from abaca_documents.filters import read_filter
from abaca_documents.model import DocumentFilter, DocumentStatus

Instant = Annotated[datetime, Meta(tz=True)]


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """Each narrows. ``status`` may be given several times. ``metadata.NAME=value`` compares text, and what reads as a
    number or as true or false also as that; ``filter`` is a filter as a search takes it, in JSON."""

    collection: str | None = None
    status: tuple[DocumentStatus, ...] = ()
    filename: str | None = None
    source_id: str | None = None
    content_hash: str | None = None
    metadata: dict[str, str] = {}
    filter: str | None = None
    created_after: Instant | None = None
    created_before: Instant | None = None
    updated_after: Instant | None = None
    updated_before: Instant | None = None
    include_deleted: bool = False


def filter_of(which: Which) -> DocumentFilter:
    """Raises ``ApiError`` for a filter that is no JSON object, ``ValidationError`` for one that means nothing."""
    conditions: list[dict[str, Any]] = [{name: {"$in": _read_as(text)}} for name, text in which.metadata.items()]
    if which.filter is not None:
        given = json_object(which.filter, "filter")
        read_filter(given)
        conditions.append(given)
    same = {name: getattr(which, name) for name in ("collection", "filename", "source_id", "content_hash")}
    times = {
        name: getattr(which, name) for name in ("created_after", "created_before", "updated_after", "updated_before")
    }
    return DocumentFilter(
        **same,
        **times,
        statuses=which.status,
        metadata={"$and": conditions} if conditions else {},
        include_deleted=which.include_deleted,
    )


def json_object(text: str, field: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise invalid(f"it is no JSON object: {error}", field) from error


def _read_as(text: str) -> list[Any]:
    try:
        read = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return [text]
    return [text, read] if isinstance(read, int | float | bool) else [text]
