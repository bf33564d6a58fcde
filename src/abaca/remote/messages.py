"""What a remote worker sends and hears."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from abaca.model import Value

SHORTEST_LEASE_MS = 5_000
LONGEST_LEASE_MS = 600_000
MOST_SLOTS = 100
MOST_RUNS = 1000

Name = Annotated[str, Meta(min_length=1, max_length=128)]
JobId = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
Epoch = Annotated[int, Meta(ge=1)]


def _nothing() -> msgspec.Raw:
    """JSON's ``null``; a default that the description of the API can leave out."""
    return msgspec.Raw(b"null")


class ClaimRequest(Value, frozen=True, kw_only=True):
    """What a worker can take. ``worker`` is a name of its own, the same in every request of one process.

    ``tasks`` are those that it knows; a job of another one is given back for a while. Empty: it takes what comes.
    ``lease_ms`` is how long it may be silent before its jobs are another's.
    """

    worker: Name
    queues: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=64)]
    tasks: Annotated[tuple[Name, ...], Meta(max_length=256)] = ()
    slots: Annotated[int, Meta(ge=1, le=MOST_SLOTS)] = 1
    lease_ms: Annotated[int, Meta(ge=SHORTEST_LEASE_MS, le=LONGEST_LEASE_MS)] = 30_000


class ClaimedRun(Value, frozen=True, kw_only=True):
    """One run of one job, held until its lease ends unless it is renewed. (``id``, ``epoch``) name it from now on.

    The worker stops it ``timeout_ms`` after its start, and beats at least three times in ``lease_ms``. ``items`` is how
    many items earlier runs have stored.
    """

    id: str
    epoch: int
    task: str
    args: msgspec.Raw
    queue: str
    attempt: int
    max_attempts: int
    lease_ms: int
    timeout_ms: int | None
    tags: tuple[str, ...]
    tenant: str | None
    items: int


class RunRef(Value, frozen=True, kw_only=True):
    id: JobId
    epoch: Epoch


class BeatRequest(Value, frozen=True, kw_only=True):
    """The runs whose leases are renewed, and what the list of workers shows. Counters are absolute since the start."""

    worker: Name
    runs: Annotated[tuple[RunRef, ...], Meta(max_length=MOST_RUNS)] = ()
    lease_ms: Annotated[int, Meta(ge=SHORTEST_LEASE_MS, le=LONGEST_LEASE_MS)] = 30_000
    processed: Annotated[int, Meta(ge=0)] = 0
    succeeded: Annotated[int, Meta(ge=0)] = 0
    failed: Annotated[int, Meta(ge=0)] = 0


class RemoteError(Value, frozen=True, kw_only=True):
    """One failure. ``kinds`` are the names that a retry rule's ``on`` may match; without them ``type`` is the one."""

    type: Name
    message: Annotated[str, Meta(max_length=20_000)] = ""
    traceback: Annotated[str, Meta(max_length=100_000)] = ""
    kinds: Annotated[tuple[Name, ...], Meta(max_length=32)] = ()


class CompletedRun(Value, frozen=True, kw_only=True, tag_field="type", tag="completed"):
    result: msgspec.Raw = msgspec.field(default_factory=_nothing)


class FailedRun(Value, frozen=True, kw_only=True, tag_field="type", tag="failed"):
    """It is retried as the job's rule says."""

    error: RemoteError


class AbortedRun(Value, frozen=True, kw_only=True, tag_field="type", tag="aborted"):
    """It can never succeed: failed now, without retry."""

    error: RemoteError


class SnoozedRun(Value, frozen=True, kw_only=True, tag_field="type", tag="snoozed"):
    """Back to waiting, not charged."""

    delay_ms: Annotated[int, Meta(ge=0, le=366 * 86_400_000)]


class TimedOutRun(Value, frozen=True, kw_only=True, tag_field="type", tag="timed_out"):
    """The worker stopped it at its timeout."""


class CancelledRun(Value, frozen=True, kw_only=True, tag_field="type", tag="cancelled"):
    """The worker stopped it because it was told that the job is cancelled."""


class ReleasedRun(Value, frozen=True, kw_only=True, tag_field="type", tag="released"):
    """Given back unfinished, not charged: the worker ends."""


RemoteOutcome = CompletedRun | FailedRun | AbortedRun | SnoozedRun | TimedOutRun | CancelledRun | ReleasedRun


class EndedRun(Value, frozen=True, kw_only=True):
    id: JobId
    epoch: Epoch
    outcome: RemoteOutcome


class SettleRequest(Value, frozen=True, kw_only=True):
    worker: Name
    runs: Annotated[tuple[EndedRun, ...], Meta(min_length=1, max_length=MOST_RUNS)]


class NewEntry(Value, frozen=True, kw_only=True):
    """One entry of a job's log. ``seq`` counts from 1 within a run, and makes a repetition harmless.

    ``progress`` is ``{"done", "total", "stage", "message", "data"}``, a ``log`` line ``{"level", "message", ...}``, and
    an ``item`` anything; items count on from ``ClaimedRun.items``, and the first one's number is its ``offset``.
    """

    id: JobId
    epoch: Epoch
    seq: Annotated[int, Meta(ge=1)]
    kind: Literal["progress", "log", "item"]
    data: msgspec.Raw = msgspec.field(default_factory=_nothing)
    offset: Annotated[int, Meta(ge=0)] = 0


class UpdateRequest(Value, frozen=True, kw_only=True):
    worker: Name
    updates: Annotated[tuple[NewEntry, ...], Meta(min_length=1, max_length=MOST_RUNS)]


Answer = Literal["alive", "applied", "settled", "lost", "unknown"]


class RunAnswer(Value, frozen=True, kw_only=True):
    """What became of one run or entry.

    ``alive``: the lease is renewed. ``applied``: it is stored. ``settled``: this run had been settled before, so a
    repetition changed nothing. ``lost``: the run is no longer this worker's; stop it, and say nothing of it any more.
    ``unknown``: there is no such job. ``cancel``: the job was cancelled; stop the run and settle it as cancelled.
    """

    id: str
    epoch: int
    answer: Answer
    cancel: bool = False
