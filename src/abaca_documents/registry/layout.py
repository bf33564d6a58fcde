"""Which records a document has, so that each question is answered by a short stretch of one kind.

All records of a document are written in one act with it, so none can differ from it:

* the document itself, by its id;
* its *line*, in a kind of its collection, the newest first by the time it was made; its version is the document's;
* its *keys*, by the hash of its bytes and by its filename; made and deleted and never changed, so their version is 1;
* while it is softly deleted its *grave*, by the time of the deletion, of version 1 too;
* its share of a *count* of its collection. There are ``SHARDS`` of these, made with the collection and deleted with
  it, so a document cannot be written into a collection that has gone. The sum of their versions counts what changed.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from abaca import Record
from abaca_documents.model import Document, DocumentStatus
from abaca_documents.registry.cursors import micros

SHARDS = 16
DOCUMENT = "documents.document"
KEY = "documents.key"
GRAVE = "documents.grave"
COUNT = "documents.count"
COLLECTION = "documents.collection"


class Line(msgspec.Struct, frozen=True, array_like=True):
    """What most lists can judge without the document."""

    status: DocumentStatus
    updated_at: datetime


encode = msgspec.json.Encoder().encode
read_line = msgspec.json.Decoder(Line).decode
read_document = msgspec.json.Decoder(Document).decode
Tally = dict[str, tuple[int, int, int]]
"""By status: documents, chunks, bytes."""
read_tally = msgspec.json.Decoder(Tally).decode


def line_kind(collection: str) -> str:
    return f"documents.in.{collection}"


def place(created: int, id: str) -> str:
    """Sorts the newest first, and those of one time by id."""
    return f"{(1 << 63) - created:016x}/{id}"


def place_of(document: Document) -> str:
    return place(micros(document.created_at), document.id)


def split_place(place: str) -> str:
    """The document's id."""
    return place.rpartition("/")[2]


def hash_prefix(collection: str, content_hash: str) -> str:
    return f"{collection}/h/{content_hash}/"


def name_prefix(collection: str, filename: str) -> str:
    return f"{collection}/n/{hashlib.sha256(filename.encode()).hexdigest()}/"


def grave_of(deleted_at: datetime, id: str = "") -> str:
    return f"{micros(deleted_at):016x}/{id}"


def shard_of(document: Document) -> str:
    return f"{document.collection}/{hashlib.sha256(document.id.encode()).digest()[0] % SHARDS}"


def shards(collection: str) -> list[str]:
    return [f"{collection}/{number}" for number in range(SHARDS)]


def marks(document: Document) -> set[tuple[str, str]]:
    """Kind and id of its keys and its grave."""
    at = place_of(document)
    found = {(KEY, name_prefix(document.collection, document.filename) + at)}
    if document.content_hash:
        found.add((KEY, hash_prefix(document.collection, document.content_hash) + at))
    if document.deleted_at is not None:
        found.add((GRAVE, grave_of(document.deleted_at, document.id)))
    return found


def records(before: Document | None, after: Document | None) -> list[Record]:
    """What is put to bring a document from one state to the next, without its count."""
    one = after or before
    assert one is not None
    version = 0 if before is None else before.version
    line = None if after is None else encode(Line(after.status, after.updated_at))
    had = set() if before is None else marks(before)
    has = set() if after is None else marks(after)
    return [
        Record(kind=DOCUMENT, id=one.id, data=None if after is None else encode(after), version=version),
        Record(
            kind=line_kind(one.collection),
            id=place_of(one),
            data=line,
            version=version,
        ),
        *(Record(kind=kind, id=id, data=None, version=1) for kind, id in sorted(had - has)),
        *(Record(kind=kind, id=id, data=b"", version=0) for kind, id in sorted(has - had)),
    ]


def added(tally: Tally, document: Document | None, sign: int) -> Tally:
    """A tally with one document more or less."""
    if document is None:
        return tally
    documents, chunks, size = tally.get(document.status.value, (0, 0, 0))
    counted = (documents + sign, chunks + sign * document.chunk_count, size + sign * document.file_size)
    return {name: value for name, value in (tally | {document.status.value: counted}).items() if any(value)}
