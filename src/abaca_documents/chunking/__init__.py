"""Text cut into pieces that are found and shown: seven ways, all with exact offsets."""

from abaca_documents.chunking.chunker import TextChunker

__all__ = ["TextChunker"]
