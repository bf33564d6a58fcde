"""What uploads take: as a form with a file, and as JSON with text."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from abaca.http import invalid
from abaca_documents.model import ChunkingStrategy, ChunkSettings, DuplicatePolicy, Metadata
from abaca_documents.parsing.premade import GivenChunk

LARGEST_TEXT = 16 << 20
"""Bytes of a JSON body with text, which is read in one piece."""
RESERVED = frozenset({"upload", "batch", "import", "stats", "strategies", "formats"})
"""Ids that no document gets over HTTP, because their paths mean something else."""


class Wishes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``async``: answer before the document is taken in. ``max_pages`` 0 means all. Chunking is the collection's where
    it is not given. ``on_duplicate`` says what is done where the collection has the same bytes."""

    collection: str = "default"
    filename: str = ""
    title: str = ""
    document_id: str = ""
    source_id: str = ""
    chunking_strategy: ChunkingStrategy | None = None
    chunk_size: int | None = None
    chunk_overlap: int | None = None
    extract_metadata: bool = False
    num_questions: Annotated[int, Meta(ge=0, le=10)] = 3
    max_pages: Annotated[int, Meta(ge=0, le=100_000)] = 0
    on_duplicate: DuplicatePolicy = DuplicatePolicy.SKIP
    metadata: Metadata = {}
    is_async: bool = msgspec.field(default=False, name="async")


class UploadForm(Wishes, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A form with a file. ``metadata`` is a JSON object as text."""

    file: Annotated[str, Meta(extra_json_schema={"contentMediaType": "application/octet-stream"})]


class NewDocument(Wishes, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document as ``text``, or as ``chunks`` that were cut elsewhere and stay as they are. Without a ``filename``
    its id or its source's id names it."""

    text: str | None = None
    chunks: Annotated[list[GivenChunk], Meta(min_length=1, max_length=100_000)] | None = None


def wishes_of(fields: dict[str, str], type: type[Wishes] = Wishes) -> Wishes:
    """The fields of a form; an empty one is not given. Raises ``ApiError`` naming the first that does not fit."""
    given: dict[str, Any] = {name: value for name, value in fields.items() if value.strip()}
    if "metadata" in given:
        try:
            given["metadata"] = msgspec.json.decode(given["metadata"], type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            raise invalid(f"it is no JSON object: {error}", "metadata") from error
    try:
        return msgspec.convert(given, type, strict=False)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `")
        field = path.rstrip("`").removeprefix("$.").partition("[")[0]
        unknown = text.partition("unknown field `")[2].rstrip("`")
        raise invalid(text, field or unknown or None) from error


def chunking_of(wishes: Wishes, default: ChunkSettings) -> ChunkSettings:
    size = wishes.chunk_size or default.size
    overlap = default.overlap if wishes.chunk_overlap is None else wishes.chunk_overlap
    if wishes.chunk_overlap is None and overlap >= size:
        overlap = size // 10
    return ChunkSettings(strategy=wishes.chunking_strategy or default.strategy, size=size, overlap=overlap)


def check_id(id: str) -> None:
    if id in RESERVED:
        raise invalid(f"{id!r} is no id for a document here: its path means something else", "document_id")


def base_name(filename: str) -> str:
    """The last part of a name that may come with the folders of its sender."""
    return filename.replace("\\", "/").rstrip("/").rpartition("/")[2]
