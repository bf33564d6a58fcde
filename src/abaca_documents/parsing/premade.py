"""Chunks that were cut elsewhere: they stay as they are, and no chunker cuts them anew."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from abaca_documents.errors import ParseFailed, TooLarge
from abaca_documents.model import ChunkMetadata
from abaca_documents.parsing.media import Kind
from abaca_documents.protocols import Parsed, ParseLimits, Piece

_BETWEEN = "\n\n"


class GivenChunk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A piece that was cut elsewhere. ``page`` counts from 1; 0 means that there are none."""

    text: str
    page: Annotated[int, Meta(ge=0)] = 0
    heading_path: tuple[str, ...] = ()


class _Given(msgspec.Struct, frozen=True):
    chunks: tuple[GivenChunk, ...]


def packed(chunks: list[GivenChunk]) -> bytes:
    """The bytes of a document of these chunks. Raises ``ParseFailed`` where one is empty."""
    for number, chunk in enumerate(chunks):
        if not chunk.text.strip():
            raise ParseFailed(f"chunk {number} is empty")
    return msgspec.json.encode(_Given(chunks=tuple(chunks)))


def parse(data: bytes, filename: str, limits: ParseLimits) -> Parsed:
    try:
        given = msgspec.json.decode(data, type=_Given)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ParseFailed(f"these are no chunks: {error}") from error
    pieces, at = [], 0
    for chunk in given.chunks:
        where = ChunkMetadata(
            start_char=at,
            end_char=at + len(chunk.text),
            page=chunk.page,
            heading_path=chunk.heading_path,
            token_count=len(chunk.text.split()),
        )
        pieces.append(Piece(text=chunk.text, where=where))
        at += len(chunk.text) + len(_BETWEEN)
    if at > limits.max_characters:
        raise TooLarge(f"the chunks have {at:,} characters; at most {limits.max_characters:,} are read")
    return Parsed(
        text=_BETWEEN.join(chunk.text for chunk in given.chunks),
        media_type=Kind.PREMADE.value,
        pieces=tuple(pieces),
        method="given",
    )
