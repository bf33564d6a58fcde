"""What a job of the service carries, and the key of its content."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from abaca_compile.model import CachePolicy, Compilation, Environment
from abaca_compile.model.base import Value

QUEUE = "compile"
RUN = "compile.run"
RECALL = "compile.recall"
TABLE = "compile.table"
_EDITION = b"1"  # counts up when the same compilation would be answered otherwise

_canonical = msgspec.json.Encoder(order="deterministic").encode


class Work(Value):
    """One compilation as a job's argument. ``metadata`` is the caller's own, handed back as it came."""

    compilation: Compilation
    cache: CachePolicy = CachePolicy.USE
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


def content_key(compilation: Compilation, environment: Environment) -> str:
    """Equal for what is answered equally: the whole compilation, and the binary that does it."""
    digest = hashlib.sha256(_EDITION)
    digest.update(environment.fingerprint.encode())
    digest.update(_canonical(compilation))
    return f"sha256:{digest.hexdigest()}"
