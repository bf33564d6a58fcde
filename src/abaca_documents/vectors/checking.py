"""What every vector store refuses."""

from __future__ import annotations

from abaca_documents.errors import ValidationError
from abaca_documents.model import Chunk, Vector
from abaca_documents.protocols import Space


def check_chunk(space: Space, chunk: Chunk) -> None:
    if chunk.collection != space.collection:
        raise ValidationError("collection", f"{chunk.id} belongs to {chunk.collection}, not to {space.collection}")
    if chunk.is_parent != (chunk.embedding is None):
        raise ValidationError("embedding", f"{chunk.id}: a parent has none, and every other chunk has one")
    if chunk.embedding is not None and len(chunk.embedding) != 4 * space.dimension:
        raise ValidationError(
            "embedding", f"{chunk.id}: {len(chunk.embedding)} bytes; {space.key} takes {4 * space.dimension}"
        )


def check_vector(space: Space, vector: Vector) -> None:
    if len(vector) != 4 * space.dimension:
        raise ValidationError("vector", f"it has {len(vector)} bytes; {space.key} takes {4 * space.dimension}")
