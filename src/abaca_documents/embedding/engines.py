"""The models that run here: they turn one list of texts into vectors, in the thread that calls them.

The module of a model is loaded with its first engine: what only searches by word never loads onnxruntime.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from abaca_documents.embedding.weights import MINILM, STATIC

Floats = NDArray[np.float32]


class Engine(Protocol):
    """Vectors of length 1, one row for each text. A text without words has the vector of nothing: zeros."""

    def encode(self, texts: Sequence[str]) -> Floats: ...


ENGINES = {MINILM.name: "sentence:SentenceEngine", STATIC.name: "static:StaticEngine"}


def open_engine(name: str, folder: Path, threads: int = 1) -> Engine:
    """The engine of a model by its name. Raises `ModelMissing` where its files are not in the folder."""
    module, _, kind = ENGINES[name].partition(":")
    engine: Engine = getattr(import_module(f"abaca_documents.embedding.{module}"), kind)(folder, threads)
    return engine


def unit_of(row: Floats) -> Floats:
    return row / max(float(np.linalg.norm(row)), 1e-12)


def units(rows: Floats) -> Floats:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Floats = (rows / np.maximum(norms, 1e-12)).astype("<f4")
    return scaled
