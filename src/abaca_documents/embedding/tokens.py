"""The tokenizers of the models."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from abaca_documents.embedding.weights import Model, path_of


def tokenizer_of(model: Model, folder: Path) -> Tokenizer:
    """The model's tokenizer, that neither cuts nor fills."""
    tokenizer = Tokenizer.from_file(str(path_of(model, folder, ".tokenizer.json")))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
