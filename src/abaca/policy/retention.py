"""How long an ended job stays: what its call says, else what an operator or the code says of its task, else of all."""

from __future__ import annotations

import msgspec

from abaca.model import Job, Keep, Kept, Retention

NO_RETENTION = Retention()
_DEFAULT = Keep()


def keep_of(job: Job, retention: Retention) -> Keep:
    """The job's keep under what operators have set.

    The more particular goes first: the call, the task, all tasks; and of a task and of all tasks the operator's word
    goes before the code's. A job that is to store no result never does.
    """
    own = job.spec.keep or _DEFAULT
    by = "app" if job.spec.keep is None else own.by
    if by == "job":
        return own
    stored = [retention.tasks.get(job.spec.task)]
    if by == "app":
        stored.append(retention.default)
    kept = _over(own, [each for each in stored if each is not None])
    return msgspec.structs.replace(kept, completed_ms=0) if own.completed_ms == 0 else kept


def _over(own: Keep, stored: list[Kept]) -> Keep:
    for each in reversed(stored):
        own = Keep(
            completed_ms=own.completed_ms if each.completed_ms is None else each.completed_ms,
            cancelled_ms=own.cancelled_ms if each.cancelled_ms is None else each.cancelled_ms,
            failed_ms=own.failed_ms if each.failed_ms is None else each.failed_ms,
            by=own.by,
        )
    return own
