"""How chunks lie in a Chroma server.

A space is two collections there. ``papers.1`` holds the chunks that a search finds: the text as the document, the
vector, and where it belongs. ``papers.1.beside`` holds what has no vector, three kinds of records: the stems of each
chunk (``words``), chunks that are parents (``parent``), and for each generation of a document one ``holding`` with the
metadata that filters see, so that all of its chunks are described in one write. A holding is written first and deleted
last, so that whoever repeats a deletion finds what is left.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from abaca_documents.model import Chunk, ChunkMetadata, Metadata
from abaca_documents.protocols import Space

Row = Mapping[str, Any]
OURS = "abaca_documents"
CHUNKS, BESIDE = "chunks", "beside"
_pack = msgspec.json.Encoder().encode
_read_place = msgspec.json.Decoder(ChunkMetadata).decode
_read_metadata = msgspec.json.Decoder(dict).decode


def names(collection: str, index: int) -> tuple[str, str]:
    """Of the chunks, and of what lies beside them."""
    return f"{collection}.{index}", f"{collection}.{index}.beside"


def described(space: Space, part: str) -> dict[str, str | int]:
    """The metadata of a Chroma collection: whose it is, and what never changes."""
    return {
        OURS: part,
        "collection": space.collection,
        "index": space.index,
        "dimension": space.dimension,
        "metric": space.metric.value,
    }


def holding_of(document_id: str, generation: int) -> str:
    return f"{document_id}:{generation}"


def id_of(chunk: Chunk) -> str:
    return f"{holding_of(chunk.document_id, chunk.generation)}:{chunk.index}"


def row_of(chunk: Chunk, kind: str) -> dict[str, str | int | bool]:
    """``is_flat``: the vector has no direction, so no search by cosine finds the chunk."""
    return {
        "kind": kind,
        "holding": holding_of(chunk.document_id, chunk.generation),
        "document_id": chunk.document_id,
        "generation": chunk.generation,
        "chunk_index": chunk.index,
        "page": chunk.where.page,
        "hash": chunk.chunk_hash,
        "place": _pack(chunk.where).decode(),
        "is_flat": chunk.embedding is not None and not any(chunk.embedding),
    }


def words_row(chunk: Chunk, length: int) -> dict[str, str | int | bool]:
    """Of the stems of a chunk; ``length`` counts them."""
    kept = ("holding", "document_id", "generation", "chunk_index")
    row = row_of(chunk, "words")
    return {name: row[name] for name in ("kind", *kept)} | {"length": length}


def chunk_of(collection: str, text: str, row: Row, metadata: Metadata, vector: Any = None) -> Chunk:
    return Chunk(
        document_id=row["document_id"],
        collection=collection,
        index=row["chunk_index"],
        text=text,
        chunk_hash=row["hash"],
        generation=row["generation"],
        where=_read_place(row["place"]),
        metadata=metadata,
        embedding=None if vector is None else np.asarray(vector, "<f4").tobytes(),
        is_parent=row["kind"] == "parent",
    )


def packed(metadata: Metadata) -> str:
    return _pack(metadata).decode()


def unpacked(text: str) -> Metadata:
    found: Metadata = _read_metadata(text)
    return found


def numbers(vector: bytes) -> Any:
    return np.frombuffer(vector, "<f4")


def aside(id: str) -> Any:
    """Chroma wants a vector of every record. Nobody looks for these; equal ones would slow its graph."""
    return np.array([zlib.crc32(id.encode()) % 65_536], "<f4")
