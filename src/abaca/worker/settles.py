"""Outcomes on their way to the store: batches of bounded size, and no settle can hold up the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from abaca.backend import MAX_BATCH, MAX_BATCH_BYTES
from abaca.codec import describe_error
from abaca.errors import BackendUnavailable
from abaca.logs import worker_log
from abaca.model import Job, Settle
from abaca.policy.outcome import Aborted, Outcome
from abaca.worker.judging import Decide, judge


class Finished(msgspec.Struct, frozen=True, gc=False):
    """``took``: seconds, of a run that began. ``refused``: it stands for one that the store would not take."""

    job: Job
    outcome: Outcome
    settle: Settle
    took: float | None = None
    refused: bool = False

    @property
    def size(self) -> int:
        to = self.settle.to
        return len(to.result or b"") + (sum(len(job.args) for job in to.then) if to.then else 0)


class Settles:
    """First come, first sent. What the store refuses for its content is sent alone, then failed, then dropped."""

    def __init__(self, decide: Decide = judge) -> None:
        self._decide = decide
        self._waiting: deque[Finished] = deque()
        self._alone = 0
        self._results = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def suspicious(self) -> bool:
        """Whether the next settle should travel with nothing else."""
        return self._alone > 0

    def add(self, item: Finished) -> None:
        self._waiting.append(item)
        to = item.settle.to
        self._results += item.size if to.then or to.result is None else len(to.result)

    def take(self) -> list[Finished]:
        """The next batch; one settle at a time while one of them is suspected."""
        waiting = self._waiting
        if self._alone:
            self._alone -= 1
            return self._pop(1, 1)
        if len(waiting) > MAX_BATCH or self._results > MAX_BATCH_BYTES:
            return self._pop(MAX_BATCH, MAX_BATCH_BYTES)
        batch = list(waiting)
        waiting.clear()
        self._results = 0
        return batch

    def _pop(self, most: int, most_bytes: int) -> list[Finished]:
        batch: list[Finished] = []
        size = 0
        while self._waiting and len(batch) < most and size < most_bytes:
            item = self._waiting.popleft()
            batch.append(item)
            size += item.size
        self._results -= size
        return batch

    def _return(self, batch: Sequence[Finished]) -> None:
        self._waiting.extendleft(reversed(batch))
        self._results += sum(item.size for item in batch)

    def put_back(self, batch: Sequence[Finished], error: Exception) -> list[Finished]:
        """Return a batch that the store did not take; answers what is given up for good.

        A store that is away takes it later. Any other error may be the fault of one settle: each is tried alone, and
        the one that fails alone becomes a failure of its job.
        """
        if isinstance(error, BackendUnavailable) or not batch:
            self._return(batch)
            return []
        if len(batch) > 1:
            self._return(batch)
            self._alone = max(self._alone, len(batch))
            return []
        return self._give_up(batch[0], error)

    def _give_up(self, item: Finished, error: Exception) -> list[Finished]:
        worker_log().error(
            "the store refuses this settle", job_id=item.job.id, task=item.job.spec.task, error=repr(error)
        )
        if item.refused:
            return [item]
        outcome = Aborted(error=describe_error(error))
        settle = msgspec.structs.replace(item.settle, to=self._decide(item.job, outcome))
        self._return([Finished(item.job, outcome, settle, item.took, refused=True)])
        self._alone += 1
        return []

    def abandon(self) -> int:
        """Forget what was not taken; the leases bring those jobs back. Answers how many."""
        count = len(self._waiting)
        self._waiting.clear()
        self._results = 0
        return count
