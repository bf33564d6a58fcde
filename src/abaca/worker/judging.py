"""``decide`` for records that may be damaged: a worker never dies of what it reads."""

from __future__ import annotations

import random

import msgspec

from abaca.codec import unpack
from abaca.model import Job, Keep, Transition
from abaca.policy.decide import decide, quarantined
from abaca.policy.outcome import Damaged, Outcome, Returned

_SMALL = 64
"""Results of at most so many bytes are likely to come again: true, null, a number."""
_MOST_ENDS = 1024
_BEGINS_JSON = frozenset(b'{["-0123456789tfn')
_ends: dict[tuple[bytes, int, int, Keep | None], Transition] = {}


def judge(job: Job, outcome: Outcome) -> Transition:
    """What ``outcome`` means for ``job``; a job whose memo cannot be read fails and is kept aside."""
    spec = job.spec
    if type(outcome) is Returned and len(outcome.result) <= _SMALL and not spec.callbacks:
        known = _ends.get((outcome.result, job.attempts, job.losses, spec.keep))
        return _completed(job, outcome) if known is None else known
    try:
        return decide(job, outcome, random.random, _plain)
    except msgspec.MsgspecError as error:
        return decide(job, Damaged(reason=_unreadable(error)), random.random)


def _plain(result: bytes) -> bytes | None:
    """The JSON of a result, for the callbacks that are told of it; ``None`` when it is kept in another form."""
    try:
        text = unpack(result)
    except ValueError:
        return None
    return text if text and text[0] in _BEGINS_JSON else None


def _completed(job: Job, outcome: Returned) -> Transition:
    """The same object for equal ends: ``decide`` looks at nothing else of a job that returned and has no callbacks, and
    stores pack runs that share a transition together."""
    if len(_ends) >= _MOST_ENDS:
        _ends.clear()
    end = decide(job, outcome, random.random)
    _ends[outcome.result, job.attempts, job.losses, job.spec.keep] = end
    return end


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
