"""``decide`` for records that may be damaged: a worker never dies of what it reads."""

from __future__ import annotations

import random

import msgspec

from abaca.model import Job, Transition
from abaca.policy.decide import decide, quarantined
from abaca.policy.outcome import Damaged, Outcome


def judge(job: Job, outcome: Outcome) -> Transition:
    """What ``outcome`` means for ``job``; a job whose memo cannot be read fails and is kept aside."""
    try:
        return decide(job, outcome, random.random)
    except msgspec.MsgspecError as error:
        return decide(job, Damaged(reason=_unreadable(error)), random.random)


def damage_of(job: Job) -> str | None:
    """Why this record cannot be used, ``None`` when it can."""
    if job.damage is None and job.memo:
        try:
            quarantined(job)
        except msgspec.MsgspecError as error:
            return _unreadable(error)
    return job.damage


def _unreadable(error: msgspec.MsgspecError) -> str:
    return f"its memo cannot be read: {error}; the job is failed and kept, requeue it to start afresh"
