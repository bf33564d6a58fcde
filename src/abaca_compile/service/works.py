"""What a job of the service carries."""

from __future__ import annotations

from typing import Any

import msgspec

from abaca_compile.model import CachePolicy, Compilation
from abaca_compile.model.base import Value

QUEUE = "compile"
RUN = "compile.run"
RECALL = "compile.recall"
TABLE = "compile.table"


class Work(Value, frozen=True, kw_only=True):
    """One compilation as a job's argument. ``metadata`` is the caller's own, handed back as it came."""

    compilation: Compilation
    cache: CachePolicy = CachePolicy.USE
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
