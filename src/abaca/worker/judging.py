"""``decide`` for records that may be damaged: a worker never dies of what it reads."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec

from abaca.codec import unpack
from abaca.model import NO_POLICIES, Job, Keep, Policies, State, Transition
from abaca.policy.decide import decide, quarantined
from abaca.policy.followups import wants
from abaca.policy.outcome import Damaged, Outcome, Returned
from abaca.policy.retention import keep_of

Decide = Callable[[Job, Outcome], Transition]

_SMALL = 64
"""Results of at most so many bytes are likely to come again: true, null, a number."""
_MOST_ENDS = 1024
_BEGINS_JSON = frozenset(b'{["-0123456789tfn')
_ends: dict[tuple[bytes, int, int, Keep | None], Transition] = {}


def judge(job: Job, outcome: Outcome, policies: Policies = NO_POLICIES) -> Transition:
    """What ``outcome`` means for ``job``; a job whose memo cannot be read fails and is kept aside."""
    if type(outcome) is Returned and len(outcome.result) <= _SMALL and not job.spec.callbacks:
        if policies is NO_POLICIES:
            known = _ends.get((outcome.result, job.attempts, job.losses, job.spec.keep))
            return _completed(job, outcome, job.spec.keep, policies) if known is None else known
        if not any(wants(each, job, State.COMPLETED) for each in policies.subscriptions):
            keep = keep_of(job, policies.retention)
            known = _ends.get((outcome.result, job.attempts, job.losses, keep))
            return _completed(job, outcome, keep, policies) if known is None else known
    try:
        return decide(job, outcome, random.random, _plain, policies)
    except msgspec.MsgspecError as error:
        return decide(job, Damaged(reason=_unreadable(error)), random.random, policies=policies)


def _plain(result: bytes) -> bytes | None:
    """The JSON of a result, for the callbacks that are told of it; ``None`` when it is kept in another form."""
    try:
        text = unpack(result)
    except ValueError:
        return None
    return text if text and text[0] in _BEGINS_JSON else None


def _completed(job: Job, outcome: Returned, keep: Keep | None, policies: Policies) -> Transition:
    """The same object for equal ends: ``decide`` looks at nothing else of a job that returned and that nothing follows,
    and stores pack runs that share a transition together."""
    if len(_ends) >= _MOST_ENDS:
        _ends.clear()
    end = decide(job, outcome, random.random, policies=policies)
    _ends[outcome.result, job.attempts, job.losses, keep] = end
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
