"""What the service may be told."""

from __future__ import annotations

from dataclasses import dataclass

MAX_BODY = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """``auth``: whether callers need a key; ``None`` asks for one as soon as the store has any, and until then answers
    on loopback alone. ``max_body`` is in bytes; ``max_depth`` is how deep JSON may be nested. ``rate``: requests a
    minute of a key that has no rate of its own; ``None`` sets no limit.
    """

    auth: bool | None = None
    max_body: int = MAX_BODY
    max_depth: int = 64
    rate: int | None = None
