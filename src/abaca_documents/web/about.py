"""What the service holds and can: counts, formats, ways to cut, single chunks."""

from __future__ import annotations

import msgspec

from abaca.http import ApiRequest, Items
from abaca_documents.errors import ChunkNotFound
from abaca_documents.model import ChunkDTO, ChunkingStrategy, ChunkSettings, DocumentStatsDTO, split_chunk_id
from abaca_documents.parsing.kinds import BY_NAME, LANGUAGES
from abaca_documents.parsing.media import PLAIN, Kind
from abaca_documents.settings import value
from abaca_documents.web.declaring import INVALID, NO_CHUNK, NO_DOCUMENT, library_of, route

_ABOUT = {
    ChunkingStrategy.SENTENCE: "between sentences, as many as fit",
    ChunkingStrategy.SEMANTIC: "where the subject changes",
    ChunkingStrategy.TOKEN: "between tokens of the sentence model",
    ChunkingStrategy.FIXED: "at the size, wherever that is",
    ChunkingStrategy.MARKDOWN: "between sections, by headings",
    ChunkingStrategy.RECURSIVE: "at the largest of paragraph, line, sentence and word that fits",
    ChunkingStrategy.HIERARCHICAL: "parents of four times the size, cut into children that are searched",
}
_DEFAULT = ChunkSettings()
_SUFFIXES = {
    Kind.PDF: "pdf",
    Kind.DOCX: "docx",
    Kind.PPTX: "pptx",
    Kind.XLSX: "xlsx",
    Kind.TEXT: "txt",
    Kind.CODE: " ".join(LANGUAGES),
    **BY_NAME,
}


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """A way to cut text. ``counts`` is what ``chunk_size`` counts."""

    name: ChunkingStrategy
    description: str
    counts: str
    default_chunk_size: int
    default_chunk_overlap: int
    is_default: bool


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of files that can be read. ``sandboxed``: its parser runs in the sandbox."""

    name: str
    media_type: str
    extensions: list[str]
    sandboxed: bool
    max_bytes: int


@route("GET", "/documents/stats")
async def documents_stats(request: ApiRequest) -> DocumentStatsDTO:
    """Count all documents. ``total``, ``chunks`` and ``bytes`` are without deleted ones, ``by_status`` counts all."""
    return DocumentStatsDTO.from_model(await library_of(request).documents.stats())


@route("GET", "/documents/strategies")
async def chunking_strategies(request: ApiRequest) -> Items[Strategy]:
    """List the ways to cut text."""
    return Items(
        items=[
            Strategy(
                name=name,
                description=about,
                counts="tokens" if name is ChunkingStrategy.TOKEN else "characters",
                default_chunk_size=_DEFAULT.size,
                default_chunk_overlap=_DEFAULT.overlap,
                is_default=name is _DEFAULT.strategy,
            )
            for name, about in _ABOUT.items()
        ]
    )


@route("GET", "/documents/formats")
async def document_formats(request: ApiRequest) -> Items[Format]:
    """List the kinds of files that can be read. What a file is, is told by its content, and by its name only between
    kinds of text."""
    largest = value(request.app, "documents.max_file")
    return Items(
        items=[
            Format(
                name=kind.noun,
                media_type=kind.value,
                extensions=[f".{suffix}" for suffix in suffixes.split()],
                sandboxed=kind not in PLAIN,
                max_bytes=largest,
            )
            for kind, suffixes in _SUFFIXES.items()
        ]
    )


@route("GET", "/chunks/{id}", errors=(NO_CHUNK, NO_DOCUMENT, INVALID))
async def get_chunk(request: ApiRequest, id: str) -> ChunkDTO:
    """Read one chunk that searches find. Its id is ``document_id:index``."""
    library = library_of(request)
    document_id, index = split_chunk_id(id)
    document = await library.documents.get(document_id)
    for chunk in await library.chunks(document, after=index - 1, limit=1):
        if chunk.index == index:
            return ChunkDTO.from_model(chunk)
    raise ChunkNotFound("get_chunk", id)


ENDPOINTS = (documents_stats, chunking_strategies, document_formats, get_chunk)
