"""A store whose calls are counted and timed."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, cast

from abaca.backend import Backend
from abaca.measures import CALL_BOUNDS, Measures, Verb
from abaca.model import Exchanged, Lease, Settle, Want

TIMED = ("insert", "reclaim", "beat", "cancel", "requeue", "append", "updates", "get", "stats", "read", "put", "scan")
"""Beside ``exchange`` and ``purge``; what workers do not call is passed on as it is."""
HELD = "claim"
"""The name under which claims that are held open are counted: only their errors, for they last as long as asked."""


class TimedBackend:
    """Passes every call on to ``inner``. A call counts when it is over; one that raises counts as an error too."""

    def __init__(self, inner: Backend, measures: Measures) -> None:
        self._inner = inner
        self._exchange = measures.verb("exchange")
        self._held = measures.verb(HELD)
        for name in (*TIMED, "purge"):
            setattr(self, name, partial(_call, getattr(inner, name), measures.verb(name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def exchange(self, done: Sequence[Settle], want: Want | None, lease: Lease) -> Exchanged:
        if want is None or not want.hold_ms:
            return cast("Exchanged", await _call(self._inner.exchange, self._exchange, done, want, lease))
        try:
            return await self._inner.exchange(done, want, lease)
        except Exception:
            self._held.errors += 1
            raise


def timed(backend: Backend, measures: Measures) -> Backend:
    """The same store; what is asked of it is counted in ``measures``."""
    return cast("Backend", TimedBackend(backend, measures))


async def _call(do: Callable[..., Awaitable[Any]], verb: Verb, *args: Any, **kwargs: Any) -> Any:
    began = time.monotonic()
    try:
        return await do(*args, **kwargs)
    except Exception:
        verb.errors += 1
        raise
    finally:
        took = time.monotonic() - began
        verb.calls[bisect_left(CALL_BOUNDS, took)] += 1
        verb.seconds += took
