"""``/parse``, ``/chunk``, ``/embed``, ``/metadata``: what the pipeline does with a document, without storing anything.

Files are read where those of uploads are, in the sandbox. A service does a few of these at once; others wait.
"""

from __future__ import annotations

import asyncio
import secrets
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from abaca.http import (
    ANY_SIZE,
    FORM_DATA,
    ApiRequest,
    file_form,
    invalid,
    media_type,
)
from abaca_documents.errors import ParseFailed
from abaca_documents.library import Library
from abaca_documents.model import ChunkingStrategy, ChunkRequest, Metadata
from abaca_documents.parsing.kinds import check_head
from abaca_documents.parsing.media import Kind
from abaca_documents.parsing.reading import read
from abaca_documents.pipeline.extracting import extract
from abaca_documents.protocols import Heading, Page, Parsed, ParseLimits
from abaca_documents.settings import value
from abaca_documents.web.bodies import base_name, converted
from abaca_documents.web.declaring import (
    EMBEDDING,
    INVALID,
    NO_SANDBOX,
    TOO_LARGE,
    UNREADABLE,
    UNSUPPORTED,
    library_of,
    route,
    spend,
)

LARGEST = 4 << 20
"""Bytes of a JSON body."""
MOST_TEXTS = 256
AT_ONCE = 2
_SECONDS = 60.0
_DEFAULT_PAGES = 30


class ParseOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``max_pages`` 0 means all, as far as the service's own limit goes."""

    max_pages: Annotated[int, Meta(ge=0, le=100_000)] = _DEFAULT_PAGES


class ParseForm(ParseOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A form with a file."""

    file: Annotated[str, Meta(extra_json_schema={"contentMediaType": "application/octet-stream"})]


class ParseText(ParseOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Text of a format that is one: ``filename`` says which, as ``a.html``."""

    text: str
    filename: str = "document.txt"


class ParsedView(msgspec.Struct, frozen=True, kw_only=True):
    """``pages`` and ``headings`` are stretches of ``text``, in characters. ``markdown`` is the text where that is
    Markdown. Tables are lines of the text and pictures are not read, so ``tables`` and ``figures`` are empty."""

    text: str
    markdown: str | None
    media_type: str
    title: str
    metadata: Metadata
    pages: tuple[Page, ...]
    headings: tuple[Heading, ...]
    tables: list[Any]
    figures: list[Any]
    extraction_method: str
    is_truncated: bool


class ToChunk(ChunkRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Text to cut."""


class CutChunkMetadata(msgspec.Struct, frozen=True, kw_only=True):
    chunk_index: int
    title: str
    keywords: tuple[str, ...]
    questions: tuple[str, ...]
    token_count: int
    start_char: int
    end_char: int
    heading_path: tuple[str, ...]
    parent: int | None
    is_parent: bool
    given: Metadata


class CutChunk(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    index: int
    metadata: CutChunkMetadata


class CutText(msgspec.Struct, frozen=True, kw_only=True):
    """``text[start_char:end_char]`` is the text of a chunk."""

    chunks: list[CutChunk]
    total_chunks: int
    strategy_used: ChunkingStrategy
    chunk_size: int
    chunk_overlap: int


class ToEmbed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``text`` or ``texts``. ``model``: an embedder of this service, its default without one."""

    text: str | None = None
    texts: Annotated[list[str], Meta(min_length=1, max_length=MOST_TEXTS)] | None = None
    model: str | None = None
    is_query: bool = False


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """``embeddings`` in the order of the texts, each of length 1. ``embedding`` is the first."""

    embeddings: list[list[float]]
    embedding: list[float]
    model: str
    dimension: int
    count: int


class ToDescribe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``num_questions``: how many questions at most."""

    text: str
    num_questions: Annotated[int, Meta(ge=0, le=10)] = 3


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """What a text says of itself. ``language`` is a code, empty where it is not known."""

    title: str
    language: str
    keywords: tuple[str, ...]
    summary: str
    questions: tuple[str, ...]


class _Room:
    """How many computations a service does at once."""

    def __init__(self, service: Any) -> None:
        self.slots = asyncio.Semaphore(AT_ONCE)

    async def close(self) -> None: ...


@route(
    "POST",
    "/parse",
    max_body=ANY_SIZE,
    takes={FORM_DATA: ParseForm, "application/json": ParseText},
    errors=(TOO_LARGE, UNSUPPORTED, UNREADABLE, INVALID, NO_SANDBOX),
    examples={"body": {"text": "<h1>Roses</h1><p>They want sun.</p>", "filename": "roses.html"}},
)
async def parse_document(request: ApiRequest) -> ParsedView:
    """Read a file, or text of a format: its text, pages, headings and metadata. Nothing is stored."""
    await spend(request)
    library = library_of(request)
    if media_type(request) == FORM_DATA:
        async with file_form(request, library.incoming(), value(request.app, "documents.max_file")) as form:
            if form.path is None or not form.size:
                raise invalid("the form holds no file, or an empty one; send it in a field of this name", "file")
            check_head(form.head)
            options = converted(form.fields, ParseOptions)
            return await _parsed(request, library, form.path, base_name(form.filename), options)
    body = await request.json(ParseText, LARGEST)
    async with _written(library, body.text.encode("utf-8", "surrogatepass")) as path:
        return await _parsed(request, library, path, base_name(body.filename), body)


@route(
    "POST",
    "/chunk",
    max_body=LARGEST,
    errors=(INVALID, *EMBEDDING),
    examples={"body": {"text": "Roses want sun. Ivy does not.", "strategy": "sentence", "chunk_size": 20}},
)
async def chunk_text(request: ApiRequest, body: ToChunk) -> CutText:
    """Cut text into chunks. Nothing is stored."""
    await spend(request)
    body.validate()
    settings = body.settings
    chunker = library_of(request).opened().parts.chunker
    async with request.service.piece(_Room).slots:
        parsed = Parsed(text=body.text, media_type=Kind.TEXT.value)
        if settings.strategy is ChunkingStrategy.MARKDOWN:
            parsed = await asyncio.to_thread(_as_markdown, body.text)
        pieces = await asyncio.to_thread(chunker.chunk, parsed, settings)
    chunks = [
        CutChunk(
            text=piece.text,
            index=at,
            metadata=CutChunkMetadata(
                chunk_index=at,
                title=piece.where.title,
                keywords=piece.where.keywords,
                questions=piece.where.questions,
                token_count=piece.where.token_count,
                start_char=piece.where.start_char,
                end_char=piece.where.end_char,
                heading_path=piece.where.heading_path,
                parent=piece.where.parent,
                is_parent=piece.is_parent,
                given=body.metadata,
            ),
        )
        for at, piece in enumerate(pieces)
    ]
    return CutText(
        chunks=chunks,
        total_chunks=len(chunks),
        strategy_used=settings.strategy,
        chunk_size=settings.size,
        chunk_overlap=settings.overlap,
    )


@route(
    "POST",
    "/embed",
    max_body=LARGEST,
    errors=(INVALID, *EMBEDDING),
    examples={"body": {"texts": ["Roses want sun.", "Ships wait for the pilot."]}},
)
async def embed_texts(request: ApiRequest, body: ToEmbed) -> Embedded:
    """Turn text into vectors. Nothing is stored."""
    await spend(request)
    if (body.text is None) == (body.texts is None):
        raise invalid("give text or texts, one of the two", "text")
    texts = [body.text] if body.text is not None else body.texts or []
    for at, text in enumerate(texts):
        if not text.strip():
            raise invalid("it is empty", "text" if body.text is not None else f"texts[{at}]")
    embedder = library_of(request).opened().embedder_of(body.model or value(request.app, "documents.embedder"))
    async with request.service.piece(_Room).slots:
        if body.is_query:
            vectors = [await embedder.embed_query(text) for text in texts]
        else:
            vectors = await embedder.embed(texts)
    found = [[round(number, 7) for (number,) in struct.iter_unpack("<f", vector)] for vector in vectors]
    return Embedded(
        embeddings=found, embedding=found[0], model=embedder.name, dimension=embedder.dimension, count=len(found)
    )


@route(
    "POST",
    "/metadata",
    max_body=LARGEST,
    errors=(INVALID,),
    examples={"body": {"text": "# Roses\n\nRoses want sun and much water.", "num_questions": 2}},
)
async def describe_text(request: ApiRequest, body: ToDescribe) -> Described:
    """Read title, language, keywords, a summary and questions from text. Nothing is stored."""
    await spend(request)
    if not body.text.strip():
        raise invalid("it is empty", "text")
    async with request.service.piece(_Room).slots:
        found = await asyncio.to_thread(lambda: extract(_as_markdown(body.text), body.num_questions))
    return Described(
        title=found.title,
        language=found.language,
        keywords=found.keywords,
        summary=found.summary,
        questions=found.questions,
    )


async def _parsed(
    request: ApiRequest, library: Library, path: Path, filename: str, options: ParseOptions
) -> ParsedView:
    parser = library.opened().parts.parser
    most = value(request.app, "documents.max_pages")
    limits = ParseLimits(max_pages=min(options.max_pages or most, most), seconds=_SECONDS)
    async with request.service.piece(_Room).slots:
        kind = await parser.detect(path, filename)
        parsed = await parser.parse(path, filename, kind, limits)
    if not parsed.text.strip():
        raise ParseFailed("the file holds no text")
    return ParsedView(
        text=parsed.text,
        markdown=parsed.text if parsed.is_markdown else None,
        media_type=parsed.media_type,
        title=parsed.title,
        metadata=parsed.metadata,
        pages=parsed.pages,
        headings=parsed.headings,
        tables=[],
        figures=[],
        extraction_method=parsed.method,
        is_truncated=parsed.is_truncated,
    )


@asynccontextmanager
async def _written(library: Library, data: bytes) -> AsyncIterator[Path]:
    """The bytes as a file, until the block ends."""
    folder = library.incoming()
    path = folder / secrets.token_hex(16)
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    try:
        await asyncio.to_thread(path.write_bytes, data)
        yield path
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)


def _as_markdown(text: str) -> Parsed:
    """The text with its headings, which is read by Python's own code."""
    return read(text.encode("utf-8", "surrogatepass"), "text.md", ParseLimits(), Kind.MARKDOWN)


ENDPOINTS = (parse_document, chunk_text, embed_texts, describe_text)
