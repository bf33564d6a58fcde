"""Cursors of the list of documents: where its last page ended, by the time it was made and its id."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from abaca_documents.errors import ValidationError
from abaca_documents.model import Document

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def to_cursor(document: Document) -> str:
    return base64.urlsafe_b64encode(f"{micros(document.created_at)}:{document.id}".encode()).decode().rstrip("=")


def from_cursor(cursor: str) -> tuple[int, str]:
    """Raises ``ValidationError``."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, _, id = text.partition(":")
        if not id:
            raise ValueError("no id")
        return int(at), id
    except ValueError as error:
        raise ValidationError("cursor", "it is none that a list of documents gave") from error
