"""What the parts of this application promise each other.

**The rule about generations.** Chunks of a document are stored under (index, document, generation). A generation is
given out once, by the repository. Writing a generation again writes the same: ``VectorStore.put`` replaces by
(document, generation, chunk index). What a reader may see is decided in one place only, ``Document.generation`` with
``Document.index`` in the repository; a vector store knows nothing of it, and whoever searches drops what is not
visible. So a store may hold more than is visible (an ingest that is under way, or that died), and never less.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from abaca_documents.model import (
    Chunk,
    ChunkMetadata,
    ChunkSettings,
    Collection,
    CollectionStats,
    Document,
    DocumentFilter,
    DocumentPage,
    DocumentStats,
    Metadata,
    Metric,
    Vector,
)
from abaca_documents.model.base import Value


class Page(Value, frozen=True, kw_only=True):
    """One page, slide or sheet of a parsed document: the stretch of its text, and its number from 1."""

    number: int
    start_char: int
    end_char: int


class Heading(Value, frozen=True, kw_only=True):
    """A heading of a parsed document: where it begins, its level from 1, its words."""

    start_char: int
    level: int
    text: str


class Parsed(Value, frozen=True, kw_only=True):
    """What a parser read. ``text`` is what all offsets count in. ``markdown`` says that it is Markdown."""

    text: str
    media_type: str
    title: str = ""
    is_markdown: bool = False
    pages: tuple[Page, ...] = ()
    headings: tuple[Heading, ...] = ()
    metadata: Metadata = {}
    """What the format says of itself: author, created, sheet names."""
    method: str = ""
    """Which library read it."""
    is_truncated: bool = False
    """A page limit cut it."""
    pieces: tuple[Piece, ...] = ()
    """Where whoever uploaded it cut it; then no chunker does."""


class Piece(Value, frozen=True, kw_only=True):
    """What a chunker cuts. ``embed_text`` is what is embedded and hashed where that is not ``text``."""

    text: str
    where: ChunkMetadata = ChunkMetadata()
    embed_text: str = ""
    is_parent: bool = False


class ParseLimits(Value, frozen=True, kw_only=True):
    max_pages: int = 0
    max_characters: int = 20_000_000
    seconds: float = 120.0
    memory: int = 1 << 30


class Parser(Protocol):
    """Reads files, each in the sandbox. Raises ``UnsupportedMediaType``, ``ParseFailed``, ``TooLarge``; whatever else
    it raises is not the document's fault."""

    @property
    def version(self) -> str:
        """It changes when the same bytes may be read otherwise."""
        ...

    async def detect(self, path: Path, filename: str) -> str:
        """The media type, by content first and by name second."""
        ...

    async def parse(self, path: Path, filename: str, media_type: str, limits: ParseLimits) -> Parsed:
        """``media_type`` is told as by ``detect`` where it is empty."""
        ...


class Chunker(Protocol):
    """Cuts text. The same text and settings give the same pieces. May be called in any thread or process."""

    @property
    def version(self) -> str: ...

    def chunk(self, parsed: Parsed, settings: ChunkSettings) -> list[Piece]: ...


Counted = Callable[[int], None]
"""Told how many more are done, from the loop that awaits."""


class Embedder(Protocol):
    """Text to vectors. The same text gives the same vector, whatever it is batched with."""

    @property
    def name(self) -> str:
        """With the version of the weights; vectors of different names are never compared."""
        ...

    @property
    def dimension(self) -> int: ...

    async def embed(self, texts: Sequence[str], counted: Counted | None = None) -> list[Vector]:
        """One vector for each text, in order. Cancelling it stops within one batch."""
        ...

    async def embed_query(self, text: str) -> Vector: ...

    async def close(self) -> None: ...


class Space(Value, frozen=True, kw_only=True):
    """Where vectors of one collection lie: one of its indices."""

    collection: str
    index: int
    dimension: int
    metric: Metric = Metric.COSINE

    @property
    def key(self) -> str:
        """Names the space in a store: 5 to 74 characters of the collection's own and a dot."""
        return f"{self.collection}.{self.index}"


class Found(Value, frozen=True, kw_only=True):
    """A candidate. ``distance`` is the metric's own: 1 - cos, squared length of the difference, 1 - product; of a
    keyword search it is the BM25 score, higher is better. Its chunk carries the vector if it was asked for."""

    chunk: Chunk
    distance: float


class VectorStore(Protocol):
    """Chunks with their vectors, by space. Every verb may be repeated."""

    async def open_space(self, space: Space) -> None:
        """Make it if it is missing."""
        ...

    async def drop_space(self, collection: str, index: int) -> None:
        """Nothing of it is left. One that is missing is dropped already."""
        ...

    async def spaces(self) -> list[tuple[str, int]]: ...

    async def put(self, space: Space, chunks: Sequence[Chunk]) -> None:
        """Store chunks of any documents with their generation and embedding; a parent has no embedding. What is there
        under the same (document, generation, index) is replaced."""
        ...

    async def describe(
        self, collection: str, index: int, document_id: str, generation: int, metadata: Metadata
    ) -> bool:
        """All chunks of the generation carry this metadata from now on, in one step; whether it is there."""
        ...

    async def sweep(
        self, collection: str, index: int, document_id: str, keep: Iterable[int] = (), upto: int | None = None
    ) -> int:
        """Delete every chunk of the document whose generation is not in ``keep``; how many there were. Generations
        above ``upto`` are left alone: they were given out after whoever asks looked."""
        ...

    async def nearest(
        self, space: Space, vector: Vector, limit: int, where: Metadata, *, vectors: bool = False
    ) -> list[Found]:
        """The nearest first, invisible generations among them. ``where`` is a filter on the chunks' metadata."""
        ...

    async def matching(
        self, space: Space, query: str, limit: int, where: Metadata, *, vectors: bool = False
    ) -> list[Found]:
        """By words, best first. ``query`` is a person's text, not a query language."""
        ...

    async def chunks(
        self,
        collection: str,
        index: int,
        document_id: str,
        generation: int,
        *,
        after: int = -1,
        limit: int = 100,
        vectors: bool = False,
    ) -> list[Chunk]:
        """In order of their index, parents among them."""
        ...

    async def hashes(self, collection: str, index: int, document_id: str, generation: int) -> dict[str, int]:
        """By chunk hash the index of one chunk that has it: what need not be embedded again."""
        ...

    async def count(self, collection: str, index: int) -> dict[str, dict[int, int]]:
        """Chunks by document and generation, for checks of one store against another."""
        ...

    async def scrub(self) -> None:
        """Leave nothing of what was deleted on the disk, as far as the store can."""
        ...

    async def close(self) -> None: ...


class Blobs(Protocol):
    """Original bytes by their SHA-256, counted by who refers to them. See ``blobs.py``."""

    async def put(self, source: Path | bytes, by: str | None = None) -> tuple[str, int]:
        """Digest and size. Stored before it returns; bytes that are there already are not written again. ``by`` refers
        to them from the same moment. Without it they are kept for a grace time only, unless somebody lets go of equal
        bytes meanwhile."""
        ...

    async def refer(self, digest: str, by: str) -> None:
        """``by``, 1 to 250 letters, digits, dots, ``_`` and ``-``, keeps the blob. Raises ``BlobNotFound``."""
        ...

    async def release(self, digest: str, by: str) -> bool:
        """Whether the bytes went with it, because nobody refers to them any more."""
        ...

    async def path(self, digest: str) -> Path:
        """A file with the bytes; their digest is checked on the first use. Raises ``BlobNotFound``, ``BlobDamaged``."""
        ...

    async def exists(self, digest: str) -> bool: ...

    async def collect(self, known: Callable[[str], Any] | None = None) -> int:
        """Remove what crashes left behind; how many files."""
        ...

    def digests(self) -> AsyncIterator[str]: ...


Change = Callable[[Document], Document | None]
"""From a document as it is to what it becomes; ``None`` leaves it. Called again when somebody else was faster."""
CollectionChange = Callable[[Collection], Collection | None]


class Repository(Protocol):
    """The registry. Operations raise ``ValidationError`` before they change anything, and ``RepositoryError`` with the
    name of the operation. A batch happens as a whole or not at all. Deleted documents are there until they are purged,
    and are listed only when asked for."""

    async def register(self, document: Document) -> Document:
        """Raises ``DocumentAlreadyExists``, ``CollectionNotFound``."""
        ...

    async def register_batch(self, documents: Sequence[Document]) -> list[Document]: ...

    async def get(self, id: str) -> Document:
        """Raises ``DocumentNotFound``."""
        ...

    async def get_batch(self, ids: Sequence[str]) -> list[Document | None]: ...

    async def exists(self, id: str) -> bool: ...

    async def change(self, id: str, change: Change, operation: str = "update") -> Document:
        """Read, change, write if nobody else wrote meanwhile, otherwise again. Status follows the table of transitions.
        Raises ``DocumentNotFound``, ``InvalidTransition``, ``Conflict`` after many tries."""
        ...

    async def update(self, id: str, fields: Metadata) -> Document:
        """Change fields by name, as a client gives them. Raises ``ValidationError`` for an unknown field, a wrong type,
        or a field that is not for clients."""
        ...

    async def delete(self, id: str) -> Document:
        """Softly: it is not found by any search from this write on. Deleting it again changes nothing."""
        ...

    async def delete_batch(self, ids: Sequence[str]) -> list[Document]: ...

    async def purge(self, id: str) -> bool:
        """Forget it for good. What it referred to has to be gone already."""
        ...

    async def count(self, filter: DocumentFilter | None = None) -> int: ...

    async def stats(self) -> DocumentStats: ...

    async def visible(self, ids: Sequence[str]) -> dict[str, int]:
        """By id the visible generation of those documents that a search may find."""
        ...

    async def changes(self, names: Sequence[str]) -> dict[str, int]:
        """By collection a number that rises with everything that searches of it may see: a cached answer is good for as
        long as it stays. Collections that are not there are left out."""
        ...

    async def deleted_before(self, before: datetime, limit: int = 100) -> list[Document]:
        """Softly deleted documents by ``deleted_at``, the oldest first."""
        ...

    async def create_collection(self, collection: Collection) -> Collection: ...

    async def get_collection(self, name: str) -> Collection: ...

    async def list_collections(self) -> list[Collection]: ...

    async def change_collection(self, name: str, change: CollectionChange, operation: str = "update") -> Collection: ...

    async def collection_stats(self, name: str) -> CollectionStats: ...

    async def clear_collection(self, name: str) -> int:
        """Softly delete every document of it; how many."""
        ...

    async def drop_collection(self, name: str) -> None:
        """Raises ``CollectionNotEmpty`` while any document is there, also a deleted one."""
        ...

    def together(self) -> AbstractAsyncContextManager[None]:
        """What is done within happens at once, with what a vector store on the same file does. Where metadata and
        vectors lie apart it does nothing: then the write of the visible generation alone is the commit."""
        ...

    async def audit(self) -> list[str]:
        """Recount every index from the documents; what differs, in words. Nothing ever should."""
        ...

    async def close(self) -> None: ...

    async def list(
        self, filter: DocumentFilter | None = None, *, cursor: str | None = None, limit: int = 50
    ) -> DocumentPage:
        """By ``created_at`` and id, the newest first."""
        ...
