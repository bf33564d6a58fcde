"""The run that the code at hand belongs to, for what is called without a ``Ctx``: log handlers, tracing."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from abaca.model import Job, Kind

Report = Callable[[Kind, bytes], None]


class CurrentRun:
    """One run with its way to the job's log. What comes after its end is dropped. May be used from any thread."""

    __slots__ = ("_lines", "_report", "job")

    def __init__(self, job: Job, report: Report) -> None:
        self.job = job
        self._report: Report | None = report
        self._lines = 0

    def count_line(self) -> int:
        """Which captured line of the run this is, from 1."""
        self._lines += 1
        return self._lines

    def report(self, kind: Kind, data: bytes) -> bool:
        """Answers whether the run goes on."""
        report = self._report
        if report is not None:
            report(kind, data)
        return report is not None

    def close(self) -> None:
        """Tasks and threads that a handler left behind may outlive the run."""
        self._report = None


current_run: ContextVar[CurrentRun | None] = ContextVar("abaca_current_run", default=None)
"""Set where a worker has middleware or the job carries something; runs of batch tasks have none."""

REQUEST_ID = "x-request-id"


def request_of(job: Job) -> dict[str, str]:
    """The field of a log line that names the request which the job came from; none where it came from none."""
    request = job.spec.carrier.get(REQUEST_ID) if job.spec.carrier else None
    return {} if request is None else {"request_id": request}
