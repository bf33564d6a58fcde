"""How many jobs to read at once when their number is known and their size is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from abaca.model import Job

MOST_JOBS = 1000
MOST_BYTES = 8 << 20
_FIRST = 16


class Pages:
    """Pages of ids in order: the more bytes the largest result so far has, the smaller. Tell each with ``read``."""

    def __init__(self) -> None:
        self._most = _FIRST
        self._largest = 1

    def of(self, ids: Sequence[str]) -> Iterator[Sequence[str]]:
        start = 0
        while start < len(ids):
            page = ids[start : start + self._most]
            start += len(page)
            yield page

    @property
    def most(self) -> int:
        return self._most

    def read(self, jobs: Sequence[Job | None]) -> None:
        self._largest = max([self._largest, *(len(job.result or b"") for job in jobs if job is not None)])
        self._most = max(1, min(self._most * 4, MOST_JOBS, MOST_BYTES // self._largest))
