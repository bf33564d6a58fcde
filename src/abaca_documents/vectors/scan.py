"""Nearest by inner product, which sqlite-vec does not know: every vector is looked at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from abaca_documents.model import Vector


def scan(rows: Iterable[tuple[int, bytes]], vector: Vector, limit: int) -> list[tuple[int, float]]:
    """Ids and 1 - product, the smallest first."""
    ids: list[int] = []
    packed: list[bytes] = []
    for id, each in rows:
        ids.append(id)
        packed.append(each)
    if not ids:
        return []
    table = np.frombuffer(b"".join(packed), "<f4").reshape(len(ids), -1)
    distances = 1.0 - table @ np.frombuffer(vector, "<f4")
    best = np.argsort(distances, kind="stable")[:limit]
    return [(ids[at], float(distances[at])) for at in best]
