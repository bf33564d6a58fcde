"""What every value of the compile service is: a frozen record whose fields are all written."""

from __future__ import annotations

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen record. Every field is written, ``null`` until it is known: one shape for every state."""
