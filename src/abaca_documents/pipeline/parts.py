"""What the pipeline works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from abaca_documents.embedding.caching import NoVectorCache, VectorCache
from abaca_documents.model import JobProgress
from abaca_documents.pipeline.outputs import FolderOutputs
from abaca_documents.protocols import Blobs, Chunker, Embedder, ParseLimits, Parser, Repository, VectorStore

Tell = Callable[[JobProgress], None]


def _silent(_: JobProgress) -> None: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What a document may take. ``file_size`` in bytes.

    Of a file of at most ``small`` bytes nothing is put aside between stages: making it again costs less. It is stored
    by the write that shows it, if its chunks fit into one.
    """

    file_size: int = 50_000_000
    small: int = 16_384
    chunks: int = 100_000
    parse: ParseLimits = field(default_factory=ParseLimits)


@dataclass(frozen=True, slots=True)
class Parts:
    """``embedder_of`` gives the embedder that an index names. Raises ``ValidationError`` for one that is not here."""

    repository: Repository
    vectors: VectorStore
    blobs: Blobs
    outputs: FolderOutputs
    parser: Parser
    chunker: Chunker
    embedder_of: Callable[[str], Embedder]
    cache: VectorCache = field(default_factory=NoVectorCache)
    limits: Limits = field(default_factory=Limits)
    tell: Tell = _silent
