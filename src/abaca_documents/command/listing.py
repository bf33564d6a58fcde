"""``abaca documents list`` and ``show``"""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from abaca.cli import EXIT_OK, Given, clean, note, print_json, print_pairs, print_table
from abaca_documents.command.plain import document_of, filter_of
from abaca_documents.command.running import run
from abaca_documents.library import Library
from abaca_documents.model import (
    Chunk,
    ChunkDTO,
    Document,
    DocumentDTO,
    DocumentFilter,
    DocumentPage,
    DocumentStatus,
    Revision,
)

_PAGE = 500


def list_documents(
    *,
    collection: Annotated[str | None, Parameter(help="Only of a collection.")] = None,
    status: Annotated[tuple[DocumentStatus, ...], Parameter(help="Only in a status.", negative="")] = (),
    filename: Annotated[str | None, Parameter(help="Only with a filename.")] = None,
    filter: Annotated[str | None, Parameter(help='On metadata, as \'{"year": {"$gte": 2020}}\'.')] = None,
    deleted: Annotated[bool, Parameter(negative="", help="Deleted ones too.")] = False,
    limit: Annotated[int, Parameter(help="How many.")] = 50,
    cursor: Annotated[str | None, Parameter(help="Where the answer before ended.")] = None,
    session: Given,
) -> int:
    """List documents, the newest first, with what became of them."""
    wanted = DocumentFilter(
        collection=collection,
        statuses=status,
        filename=filename,
        metadata=filter_of(filter),
        include_deleted=deleted,
    )

    async def look(library: Library) -> DocumentPage:
        return await library.documents.list(wanted, cursor=cursor, limit=limit)

    page = run(session, look)
    if session.json:
        print_json({"items": [DocumentDTO.from_model(each) for each in page.items], "cursor": page.cursor})
        return EXIT_OK
    heads = ("id", "collection", "filename", "status", "chunks", "bytes", "")
    print_table(heads, [_row(each) for each in page.items], "there are no such documents")
    if page.cursor:
        note(f"there are more: --cursor {page.cursor}")
    return EXIT_OK


def show(
    document: Annotated[str, Parameter(name="DOCUMENT", help="The id, or a filename that is there once.")],
    /,
    *,
    collection: Annotated[str | None, Parameter(help="Where a filename is looked for.")] = None,
    chunks: Annotated[bool, Parameter(negative="", help="What it was cut into, and the text.")] = False,
    session: Given,
) -> int:
    """Show a document: what it is, its revisions, and with --chunks its text."""

    async def look(library: Library) -> tuple[Document, list[Chunk]]:
        found = await document_of(library, document, collection)
        return found, await _chunks(library, found) if chunks else []

    found, pieces = run(session, look)
    if session.json:
        print_json(
            {
                "document": DocumentDTO.from_model(found),
                "revisions": found.revisions,
                **({"chunks": [ChunkDTO.from_model(each) for each in pieces]} if chunks else {}),
            }
        )
        return EXIT_OK
    print_pairs(
        [
            *((name, getattr(found, name)) for name in _SHOWN),
            *((f"metadata.{name}", told) for name, told in sorted(found.metadata.items())),
        ]
    )
    sys.stdout.write("\n")
    heads = ("revision", "status", "bytes", "chunks", "embedded", "job", "")
    print_table(heads, [_revision_row(each, found) for each in found.revisions], "it has no revision")
    for each in pieces:
        page = f"page {each.where.page}" if each.where.page else ""
        sys.stdout.write("\n")
        place = " > ".join(part for part in (*each.where.heading_path, page) if part)
        print_pairs([(f"chunk {each.index}", place or "-")])
        for line in each.text.splitlines():
            sys.stdout.write(f"  {clean(line)}\n" if line else "\n")
    return EXIT_OK


_SHOWN = (
    "id", "collection", "filename", "title", "status", "error", "media_type", "file_size", "page_count", "chunk_count",
    "content_hash", "source_id", "job_id", "created_at", "updated_at", "deleted_at",
)  # fmt: skip


async def _chunks(library: Library, document: Document) -> list[Chunk]:
    visible = await library.documents.visible([document.id])
    if document.id not in visible:
        return []
    index = (await library.documents.get_collection(document.collection)).index.number
    vectors, found = library.opened().parts.vectors, list[Chunk]()
    while True:
        after = found[-1].index if found else -1
        page = await vectors.chunks(
            document.collection, index, document.id, visible[document.id], after=after, limit=_PAGE
        )
        found += page
        if len(page) < _PAGE:
            return found


def _row(each: Document) -> tuple[object, ...]:
    return each.id, each.collection, each.filename, each.status, each.chunk_count, each.file_size, each.error


def _revision_row(each: Revision, document: Document) -> tuple[object, ...]:
    said = "answers" if each.generation == document.generation else each.error
    return each.number, each.status, each.file_size, each.chunk_count, each.chunks_embedded, each.job_id, said
