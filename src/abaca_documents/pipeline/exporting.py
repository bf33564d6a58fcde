"""A collection as one file that can be carried elsewhere: a zip archive of settings, documents and their bytes.

`collection.json` is what the collection was made with, `documents.jsonl` has a line for each document that searches
find, and `files/N` are the bytes of the line N. Vectors are not in it: whoever takes it in embeds with its own model.
"""

from __future__ import annotations

import asyncio
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from abaca_documents.errors import TooLarge, ValidationError
from abaca_documents.model import Collection, CollectionRequest, Document, DocumentFilter, Metadata
from abaca_documents.pipeline.parts import Parts

_COLLECTION = "collection.json"
_DOCUMENTS = "documents.jsonl"
_PAGE = 200


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """A document in an archive. ``file`` is the entry with its bytes."""

    document_id: str
    filename: str
    file: str
    source_id: str = ""
    metadata: Metadata = {}


async def export_collection(parts: Parts, name: str, into: Path) -> int:
    """Write a collection to a file, which appears when it is whole; how many documents. Raises ``CollectionNotFound``,
    ``OSError``."""
    collection = await parts.repository.get_collection(name)
    beside = into.with_name(f".{into.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_COLLECTION, msgspec.json.encode(_request(collection)))
            lines = await _written(parts, name, archive)
            archive.writestr(_DOCUMENTS, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        beside.replace(into)
    finally:
        beside.unlink(missing_ok=True)
    return len(lines)


async def _written(parts: Parts, name: str, archive: zipfile.ZipFile) -> list[Carried]:
    lines: list[Carried] = []
    cursor: str | None = None
    while True:
        page = await parts.repository.list(DocumentFilter(collection=name), cursor=cursor, limit=_PAGE)
        for document in page.items:
            if document.is_searchable:
                line = _line(document, len(lines) + 1)
                await asyncio.to_thread(archive.write, await parts.blobs.path(document.content_hash), line.file)
                lines.append(line)
        if (cursor := page.cursor) is None:
            return lines


def _line(document: Document, number: int) -> Carried:
    shared = {name: getattr(document, name) for name in ("filename", "source_id", "metadata")}
    return Carried(document_id=document.id, file=f"files/{number}", **shared)


def _request(collection: Collection) -> CollectionRequest:
    chunking = collection.index.chunking or collection.chunking
    return CollectionRequest(
        name=collection.name,
        description=collection.description,
        metadata=collection.metadata,
        metric=collection.metric,
        embedder=collection.index.embedder,
        chunking_strategy=chunking.strategy,
        chunk_size=chunking.size,
        chunk_overlap=chunking.overlap,
    )


class Archive:
    """What an archive holds."""

    def __init__(self, archive: zipfile.ZipFile, largest: int) -> None:
        self._archive = archive
        self._largest = largest
        try:
            self.collection = msgspec.json.decode(archive.read(_COLLECTION), type=CollectionRequest)
            lines = archive.read(_DOCUMENTS).splitlines()
            self.documents = [msgspec.json.decode(line, type=Carried) for line in lines]
        except (KeyError, msgspec.DecodeError, zipfile.BadZipFile) as error:
            raise ValidationError("path", f"it is no archive of a collection: {error}") from error

    def bytes_of(self, document: Carried) -> bytes:
        """Raises ``TooLarge``, ``ValidationError``. No more is unpacked than may be taken in."""
        try:
            with self._archive.open(document.file) as packed:
                data = packed.read(self._largest + 1)
        except (KeyError, zipfile.BadZipFile, EOFError) as error:
            raise ValidationError("path", f"the bytes of {document.filename} cannot be had: {error}") from error
        if len(data) > self._largest:
            raise TooLarge(f"{document.filename} is larger than {self._largest:,} bytes")
        return data


@contextmanager
def opened_archive(path: Path, largest: int) -> Iterator[Archive]:
    """Raises ``ValidationError``."""
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise ValidationError("path", f"{path.name} is no archive of a collection: {error}") from error
    with archive:
        yield Archive(archive, largest)
