"""Cuts where the subject changes: where a sentence is less like the one before than is usual in this text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from abaca_documents.chunking.spans import Span

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
DEPTH = 0.5  # standard deviations below the mean likeness of this text at which a low point is a change
LEAST = 4  # a piece is not ended by a change of subject below a quarter of the size


def by_subject(text: str, units: Sequence[Span], size: int, encode: Encode) -> Iterator[Span]:
    """Units, each at most `size` long, joined until the subject changes or the size is reached."""
    drops = _drops(text, units, encode)
    start = units[0][0] if units else 0
    for at, (begin, end) in enumerate(units):
        if begin > start and (end - start > size or (at in drops and begin - start >= size // LEAST)):
            yield start, begin
            start = begin
    if units:
        yield start, units[-1][1]


def _drops(text: str, units: Sequence[Span], encode: Encode) -> set[int]:
    """The units that begin something new."""
    if len(units) < 3:
        return set()
    last = len(units) - 1
    pairs = encode([text[units[at][0] : units[min(last, at + 1)][1]] for at in range(len(units))])
    # The two units before each boundary beside the two behind it.
    likeness = np.einsum("ij,ij->i", pairs[:-2], pairs[2:])
    low = likeness < likeness.mean() - DEPTH * likeness.std()
    padded = np.pad(likeness, 1, constant_values=np.inf)
    lowest = (likeness <= padded[:-2]) & (likeness <= padded[2:])
    return {int(at) + 2 for at in np.flatnonzero(low & lowest)}
