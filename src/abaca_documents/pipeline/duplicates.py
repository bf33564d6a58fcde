"""What becomes of an upload, by what is there already. Pure.

| policy    | the same bytes are in the collection        | the id is there with other bytes | neither      |
|-----------|---------------------------------------------|----------------------------------|--------------|
| `skip`    | nothing; the document that is there         | a new revision of it             | a new one    |
| `replace` | a new revision of the document that has them| a new revision of it             | a new one    |
| `version` | a new document beside it                    | a new document beside it         | a new one    |
| `error`   | refused                                     | refused                          | a new one    |

Bytes are there when a search can find them. A deleted document of the same id is brought back by a new revision.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from abaca_documents.errors import DocumentAlreadyExists, DuplicateDocument
from abaca_documents.model import Document, DocumentStatus, DuplicatePolicy, UploadJobPayload

_SPACE = uuid.UUID("6a0b1f6e-6d0c-5b8e-9d0a-0a6f5d3a7c11")


@dataclass(frozen=True, slots=True)
class Skip:
    existing: str


@dataclass(frozen=True, slots=True)
class Revise:
    id: str


@dataclass(frozen=True, slots=True)
class Create:
    id: str


Decision = Skip | Revise | Create


def document_id_of(collection: str, source: str) -> str:
    """The id of what is known by ``source``, its source's own id or its filename, in a collection."""
    return str(uuid.uuid5(_SPACE, f"{collection}\0{source}"))


def decide(payload: UploadJobPayload, job_id: str, mine: Document | None, same: Sequence[Document]) -> Decision:
    """``mine`` has the id of the payload, ``same`` are documents of the collection with its bytes.

    Raises ``DuplicateDocument`` under the policy ``error``, ``DocumentAlreadyExists`` where the id is of another
    collection.
    """
    if mine is not None and mine.collection != payload.collection:
        raise DocumentAlreadyExists("upload", mine.id, more=f"it is in the collection {mine.collection}")
    twins = [each for each in same if each.is_searchable and each.content_hash == payload.content_hash]
    twin = next((each for each in twins if each.id == payload.document_id), twins[0] if twins else None)
    is_there = mine is not None and mine.status is not DocumentStatus.DELETED
    match payload.on_duplicate:
        case DuplicatePolicy.SKIP if twin is not None:
            return Skip(twin.id)
        case DuplicatePolicy.REPLACE if twin is not None:
            return Revise(twin.id)
        case DuplicatePolicy.VERSION if twin is not None or is_there:
            return Create(document_id_of(payload.collection, f"{payload.document_id}\0{job_id}"))
        case DuplicatePolicy.ERROR if twin is not None:
            raise DuplicateDocument(twin.id, f"document {twin.id} has the same bytes already; nothing was uploaded")
        case DuplicatePolicy.ERROR if mine is not None and is_there:
            raise DuplicateDocument(mine.id, f"document {mine.id} is there already; nothing was uploaded")
    return Create(payload.document_id) if mine is None else Revise(mine.id)
