"""What every value of the seam is: a frozen record."""

from __future__ import annotations

import msgspec

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A frozen record in which an absent option costs nothing on the wire.

    Those that are made for every job say ``gc=False``: they can be in no cycle, and the collector need not walk them.
    """
