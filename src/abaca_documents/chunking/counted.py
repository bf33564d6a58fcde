"""The chunker of this machine's models: tokens as the sentence model counts them, subjects as the static one sees them.

Both are loaded when a strategy first needs them. Whoever chunks by neither needs no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tokenizers import Tokenizer

from abaca_documents.chunking.chunker import TextChunker
from abaca_documents.chunking.spans import Span
from abaca_documents.embedding.engines import Engine, Floats, open_engine
from abaca_documents.embedding.fetching import fetch_seen
from abaca_documents.embedding.tokens import tokenizer_of
from abaca_documents.embedding.weights import MINILM, STATIC, model_folder


def chunker_here(folder: Path | None = None) -> TextChunker:
    """The strategies ``token`` and ``semantic`` fetch their model on first use, and raise ``ModelMissing`` where that
    does not work."""
    where = folder or model_folder()

    @cache
    def tokenizer() -> Tokenizer:
        fetch_seen(MINILM, where)
        return tokenizer_of(MINILM, where)

    @cache
    def engine() -> Engine:
        fetch_seen(STATIC, where)
        return open_engine(STATIC.name, where)

    def tokens(text: str) -> list[Span]:
        encoded = tokenizer().encode(text, add_special_tokens=False)
        return [(start, end) for start, end in encoded.offsets if end > start]

    def encode(texts: Sequence[str]) -> Floats:
        return engine().encode(texts)

    return TextChunker(tokens, encode)
