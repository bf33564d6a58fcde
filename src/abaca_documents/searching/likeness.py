"""What a whole document is about: the mean of its chunks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from abaca_documents.model import Vector


def mean_of(vectors: Sequence[Vector]) -> Vector | None:
    """The direction of the mean, as a vector of length 1; None of nothing."""
    if not vectors:
        return None
    mean = np.frombuffer(b"".join(vectors), "<f4").reshape(len(vectors), -1).mean(axis=0)
    length = float(np.linalg.norm(mean))
    return (mean / length).astype("<f4").tobytes() if length else None
