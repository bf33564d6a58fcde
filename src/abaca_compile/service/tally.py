"""What one worker has done since its start, in the words of the service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from abaca_compile.model import CompileStatus, Result
from abaca_compile.model.base import Value


class Totals(Value, frozen=True, kw_only=True):
    """``hits`` were answered by what was there, ``shared`` by the run of an equal job that went on at the same time,
    ``misses`` were compiled and ``bypassed`` were compiled because they asked for it. The others count verdicts."""

    completed: int = 0
    failed: int = 0
    timeout: int = 0
    error: int = 0
    hits: int = 0
    shared: int = 0
    misses: int = 0
    bypassed: int = 0

    def plus(self, other: Totals) -> Totals:
        ours, theirs = msgspec.structs.asdict(self), msgspec.structs.asdict(other)
        return Totals(**{name: ours[name] + theirs[name] for name in ours})


class Tally:
    """Counts of this process. ``active``: compilations that go on now."""

    def __init__(self) -> None:
        self.active = 0
        self._counts = dict.fromkeys(Totals.__struct_fields__, 0)

    @property
    def totals(self) -> Totals:
        return Totals(**self._counts)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self.active += 1
        try:
            yield
        except Exception:
            self._counts["error"] += 1
            raise
        finally:
            self.active -= 1

    def recalled(self, result: Result, *, shared: bool) -> None:
        self._counts["shared" if shared else "hits"] += 1
        self._verdict(result)

    def compiled(self, result: Result, *, cached: bool) -> None:
        self._counts["misses" if cached else "bypassed"] += 1
        self._verdict(result)

    def _verdict(self, result: Result) -> None:
        if result.status in (CompileStatus.COMPLETED, CompileStatus.FAILED, CompileStatus.TIMEOUT):
            self._counts[result.status.value] += 1
