"""What may become of a document or a collection. Pure: from what is there to what is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from abaca_documents.errors import ValidationError
from abaca_documents.model import Collection, Document, DocumentStatus, check_transition, instant_now
from abaca_documents.protocols import Change, CollectionChange

MAX_BATCH = 150
"""Documents in one atomic batch: with their lines, keys and counts they fit into one act of the store."""
MAX_PAGE = 500

_OWN = {
    "id",
    "collection",
    "created_at",
    "updated_at",
    "deleted_at",
    "version",
    "generation",
    "last_generation",
    "index",
    "revision",
    "revisions",
    "is_described",
    "is_purging",
}
"""Fields that only the pipeline and the registry write."""


def registered(document: Document) -> Document:
    """A document as it is first written."""
    if document.status is DocumentStatus.DELETED:
        raise ValidationError("status", "a document cannot be registered as deleted")
    document.validate()
    return msgspec.structs.replace(document, version=1)


def check_batch(items: Sequence[Any], what: str) -> None:
    if len(items) > MAX_BATCH:
        raise ValidationError(what, f"{len(items)} in one batch; at most {MAX_BATCH} are written at once")


def check_unique(ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for id in ids:
        if id in seen:
            raise ValidationError("id", f"{id} is named twice in the batch")
        seen.add(id)


def check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_PAGE:
        raise ValidationError("limit", f"{limit} is not within 1 and {MAX_PAGE}")


def changed(before: Document, change: Change) -> Document | None:
    """What is written after ``change``; ``None`` when it leaves the document as it is."""
    after = change(before)
    if after is None or after == before:
        return None
    for name in ("id", "collection", "created_at", "version"):
        if getattr(after, name) != getattr(before, name):
            raise ValidationError(name, "it stays as it is for the life of a document")
    if after.last_generation < before.last_generation:
        raise ValidationError("last_generation", "it never goes back")
    check_transition(before.id, before.status, after.status)
    if after.is_searchable and after.generation == before.generation and after.carried != before.carried:
        after = msgspec.structs.replace(after, is_described=False)
    after = msgspec.structs.replace(after, updated_at=_later(before.updated_at), version=before.version + 1)
    after.validate()
    return after


def with_fields(fields: Mapping[str, Any]) -> Change:
    """Set fields by name. Raises ``ValidationError`` for an unknown one, a wrong type, and one that cannot be set."""
    for name in fields:
        if name not in Document.__struct_fields__:
            raise ValidationError(name, "a document has no such field")
        if name in _OWN:
            raise ValidationError(name, "it cannot be set")

    def change(before: Document) -> Document:
        status = fields.get("status")
        if status == DocumentStatus.DELETED:
            raise ValidationError("status", "a document is deleted by the operation delete")
        typed = {name: _typed(name, value) for name, value in fields.items()}
        if before.status is DocumentStatus.DELETED and status is not None:
            typed["deleted_at"] = None
        return msgspec.structs.replace(before, **typed)

    return change


def deleted(before: Document) -> Document | None:
    """Softly: not found by any search from then on, and kept until it is purged."""
    if before.status is DocumentStatus.DELETED:
        return None
    return msgspec.structs.replace(before, status=DocumentStatus.DELETED, deleted_at=_later(before.updated_at))


def is_seen_otherwise(before: Document | None, after: Document | None) -> bool:
    """Whether searches may find something else than before."""
    return _seen(before) != _seen(after)


def _seen(document: Document | None) -> object:
    if document is None or not document.is_searchable:
        return None
    return document.generation, document.index, document.title, document.carried, document.is_described


def changed_collection(before: Collection, change: CollectionChange) -> Collection | None:
    after = change(before)
    if after is None or after == before:
        return None
    for name in ("name", "metric", "created_at", "version"):
        if getattr(after, name) != getattr(before, name):
            raise ValidationError(name, "it stays as it is for the life of a collection")
    if after.last_index < before.last_index:
        raise ValidationError("last_index", "it never goes back")
    after = msgspec.structs.replace(after, updated_at=_later(before.updated_at), version=before.version + 1)
    after.validate()
    return after


def _typed(name: str, value: Any) -> Any:
    field = next(each for each in msgspec.structs.fields(Document) if each.name == name)
    try:
        return msgspec.convert(value, field.type)
    except msgspec.ValidationError as error:
        raise ValidationError(name, str(error)) from error


def _later(before: datetime) -> datetime:
    """Now, and after what was before, also where a clock went back."""
    return max(instant_now(), before + timedelta(microseconds=1))
