"""How text is cut."""

from __future__ import annotations

from enum import StrEnum

from abaca_documents.errors import ValidationError
from abaca_documents.model.base import Metadata, Value, check_range


class ChunkingStrategy(StrEnum):
    SENTENCE = "sentence"
    SEMANTIC = "semantic"
    TOKEN = "token"
    FIXED = "fixed"
    MARKDOWN = "markdown"
    RECURSIVE = "recursive"
    HIERARCHICAL = "hierarchical"


class ChunkSettings(Value, frozen=True, kw_only=True):
    """``size`` and ``overlap`` count what the strategy counts: characters, for ``token`` tokens of the model."""

    strategy: ChunkingStrategy = ChunkingStrategy.SENTENCE
    size: int = 512
    overlap: int = 50

    def validate(self) -> None:
        check_range(self.size, "chunk_size", 16, 32_768)
        if not 0 <= self.overlap < self.size:
            raise ValidationError("chunk_overlap", f"{self.overlap} is not from 0 to below chunk_size ({self.size})")

    @property
    def key(self) -> str:
        """What tells this configuration from others in the name of a stored result."""
        return f"{self.strategy.value}-{self.size}-{self.overlap}"


class ChunkRequest(Value, frozen=True, kw_only=True):
    """Text to cut, without storing anything; with the source's names."""

    text: str
    strategy: ChunkingStrategy = ChunkingStrategy.SENTENCE
    chunk_size: int = 512
    chunk_overlap: int = 50
    metadata: Metadata = {}

    @property
    def settings(self) -> ChunkSettings:
        return ChunkSettings(strategy=self.strategy, size=self.chunk_size, overlap=self.chunk_overlap)

    def validate(self) -> None:
        if not self.text.strip():
            raise ValidationError("text", "it is empty")
        self.settings.validate()
