"""Documents and collections for tests, with what a test does not care about filled in."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from abaca_documents.model import Collection, Document, DocumentStatus, Index

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def document(id: str, collection: str = "books", minutes: float = 0, **fields: Any) -> Document:
    at = NOON + timedelta(minutes=minutes)
    fields = {"filename": f"{id}.txt", "content_hash": digest(id)} | fields
    return Document(id=id, collection=collection, created_at=at, updated_at=at, **fields)


def collection(name: str, **fields: Any) -> Collection:
    fields = {"index": Index(number=1, embedder="static@1", dimension=8)} | fields
    return Collection(name=name, created_at=NOON, updated_at=NOON, **fields)


def processing(id: str, **fields: Any) -> Document:
    return document(id, status=DocumentStatus.PROCESSING, **fields)
