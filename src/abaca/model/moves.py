"""What workers say to the store and hear from it: settles, claims, inserts, beats."""

from __future__ import annotations

from enum import IntEnum

from abaca.model.base import Value
from abaca.model.job import ErrorInfo, Job, NewJob, State


class Transition(Value, frozen=True, kw_only=True, gc=False):
    """What should become true of a RUNNING job: absolute new values which the store copies without computing.

    ``delay_ms`` is for a move to WAITING: ``None`` leaves the due time, and so the place in line, as it was. ``error``
    becomes the job's last error and one ``error`` entry of its log. ``keep_ms`` is how long the ended job stays.
    ``then`` is inserted in the same write, and only if the transition applies.
    """

    target: State
    attempts: int
    losses: int = 0
    delay_ms: int | None = None
    result: bytes | None = None
    error: ErrorInfo | None = None
    keep_ms: int = 0
    memo: bytes = b""
    then: tuple[NewJob, ...] = ()


class Settle(Value, frozen=True, kw_only=True, gc=False):
    """A transition addressed to one run of one job."""

    id: str
    epoch: int
    to: Transition


class Verdict(IntEnum):
    """The store's answer to a settle or an append."""

    APPLIED = 0
    STALE = 1
    CANCEL = 2


class Lease(Value, frozen=True, kw_only=True):
    """Who holds a claimed job and for how long, unless the job carries its own length."""

    worker: str
    ms: int


class Want(Value, frozen=True, kw_only=True):
    """What a worker can take: queues in order of preference, free slots per lane, and a limit on bytes.

    ``hold_ms`` is how long the call may be held open until a job comes; zero answers at once. A lane that is missing
    from ``slots`` has none. The last job may pass ``max_bytes``, so that a large one is not stuck for ever.
    """

    queues: tuple[str, ...]
    slots: dict[str, int]
    max_bytes: int = 4 << 20
    hold_ms: int = 0


class Exchanged(Value, frozen=True, kw_only=True):
    """Verdicts in the order of the settles, and the jobs claimed."""

    verdicts: list[Verdict] = []
    jobs: list[Job] = []


class Inserted(IntEnum):
    INSERTED = 0
    KNOWN = 1  # this id is here already
    HELD = 2  # another job holds the key
    REFUSED = 3
    REPLACED = 4  # the key's holder waits and took over what the new job asks for
    PASSED = 5  # the schedule's cursor is at this tick or beyond, or the schedule is gone


class Receipt(Value, frozen=True, kw_only=True, gc=False):
    """What became of one insert. ``id`` is the job that stands for it: its own, or the key's holder when
    ``HELD`` or ``REPLACED``.

    Of a job that a full queue refused, ``wait_ms`` is the estimate of how long a new one would wait, and ``again`` says
    that its producer is to try again for a while (``Overflow.WAIT``).
    """

    id: str
    outcome: Inserted
    reason: str = ""
    wait_ms: int | None = None
    again: bool = False


class Beat(Value, frozen=True, kw_only=True):
    id: str
    epoch: int


class Pulse(Value, frozen=True, kw_only=True):
    """The answer to a beat. ``alive=False``: the run is no longer this worker's and must stop."""

    id: str
    epoch: int
    alive: bool
    cancel: bool = False


class Card(Value, frozen=True, kw_only=True):
    """A live worker's entry in the registry.

    Counters are absolute since ``started_at``, so a lost beat loses nothing.
    """

    id: str
    name: str = ""
    host: str = ""
    pid: int = 0
    started_at: int = 0
    queues: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    slots: dict[str, int] = {}
    running: tuple[str, ...] = ()
    processed: int = 0
    succeeded: int = 0
    failed: int = 0
    busy_ms: int = 0
    draining: bool = False
    seen_at: int = 0
