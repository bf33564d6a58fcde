"""Names for the arrays that the engine counts with."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

SECOND = 1_000_000_000
"""Nanoseconds. All instants are whole nanoseconds since 1970 in UTC."""
DAY = 86_400 * SECOND


def nanoseconds(index: object) -> Ints:
    """The instants of a pandas index of times, whatever its unit is."""
    return np.asarray(index, dtype="datetime64[ns]").astype(np.int64)
