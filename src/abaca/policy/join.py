"""The job in which a workflow's edges meet where no task of its own does: how its members' ends make its own. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from abaca.model import ErrorInfo, Job, State, When
from abaca.policy.decide import PARENTS_UNMET
from abaca.policy.outcome import Aborted, Outcome, Returned

NOTHING = b"null"


class Tally:
    """Counts parents as they are read, so that ten thousand of them need not be held at once."""

    def __init__(self) -> None:
        self._seen = 0
        self._short = 0
        self._first: Job | None = None

    def add(self, parents: Iterable[Job | None]) -> None:
        for parent in parents:
            self._seen += 1
            if parent is None or falls_short(parent):
                self._short += 1
                self._first = self._first or parent

    def outcome(self) -> Outcome:
        """Completed when every member did its part, failed otherwise."""
        if not self._short:
            return Returned(result=NOTHING)
        return Aborted(error=ErrorInfo(type="abaca.MembersFailed", message=self._message()))

    def _message(self) -> str:
        counted = f"{self._short} of {self._seen} members that it waits for did not complete"
        if self._first is None:
            return f"{counted}; they were deleted"
        why = f" ({self._first.error})" if self._first.state is State.FAILED and self._first.error is not None else ""
        return (
            f"{counted}, the first is job {self._first.id} of task {self._first.spec.task!r}, which "
            f"{'failed' if self._first.state is State.FAILED else 'was cancelled'}{why}; "
            "requeue the workflow to run them again"
        )


def falls_short(member: Job) -> bool:
    """Whether a member's end means that the workflow failed. A compensation that was not needed does not."""
    if member.state is State.COMPLETED:
        return False
    return not (was_unmet(member) and any(edges.when is When.FAILED for edges in member.spec.after))


def was_unmet(job: Job) -> bool:
    """Whether a job was cancelled because of how its parents ended."""
    return job.state is State.CANCELLED and job.error is not None and job.error.type == PARENTS_UNMET
