"""A job as the memory store holds it: the one mutable record, never handed out."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from abaca.backend import MIN_TOMBSTONE_MS, TRIMMED_LOG_CAP
from abaca.backends.memory.lines import Line, Place
from abaca.model import TRIMMED_KINDS, Change, ErrorInfo, Job, Kind, NewJob, State, Update

FIRST_ENTRY_ID = 3
_encode = msgspec.json.Encoder().encode


def due_time(new: NewJob, now: int) -> int:
    """The user's own instant, or the delay counted from now."""
    return new.run_at if new.run_at is not None else now + new.delay_ms * 1000


@dataclass(slots=True)
class Row:
    """Everything the store knows of one job."""

    spec: NewJob
    created_at: int
    due_at: int
    state: State = State.WAITING
    epoch: int = 0
    revision: int = 1
    attempts: int = 0
    losses: int = 0
    memo: bytes = b""
    started_at: int | None = None
    claimed_at: int | None = None
    ended_at: int | None = None
    lease_until: int | None = None
    lease_ms: int = 0
    worker: str | None = None
    cancel: bool = False
    blocked: str | None = None
    open_parents: int = 0
    unmet: int = 0
    permits: tuple[str, ...] = ()
    result: bytes | None = None
    error: ErrorInfo | None = None
    progress: bytes | None = None
    keep_ms: int = 0
    purged: bool = False
    looked_at_again: int = 0
    settled_epoch: int = 0
    settled_digest: bytes = b""
    seq: int = 0
    log: list[Update] = field(default_factory=list)
    next_entry: int = FIRST_ENTRY_ID

    @property
    def deadline(self) -> int | None:
        """When a job that was never claimed should have started, where it says so."""
        if self.spec.start_within_ms is None or self.epoch:
            return None
        return self.due_at + self.spec.start_within_ms * 1000

    @property
    def line(self) -> Line:
        spec = self.spec
        if self.deadline is None:
            return Line(spec.queue, spec.priority, spec.lane, spec.tenant or "")
        return Line(spec.queue, spec.priority, spec.lane, dated=True)

    @property
    def place(self) -> Place:
        deadline = self.deadline
        return Place(self.due_at if deadline is None else deadline, self.spec.id, self.due_at)

    @property
    def leaves_at(self) -> int:
        """When an ended row becomes a tombstone, or a tombstone goes, unless a child holds it then."""
        grave_ms = max(self.keep_ms, MIN_TOMBSTONE_MS) if self.purged else 0
        return max(self.looked_at_again, (self.ended_at or 0) + (self.keep_ms + grave_ms) * 1000)

    def snapshot(self, now: int) -> Job:
        return Job(
            spec=self.spec,
            state=self.state,
            epoch=self.epoch,
            revision=self.revision,
            attempts=self.attempts,
            losses=self.losses,
            memo=self.memo,
            created_at=self.created_at,
            due_at=self.due_at,
            started_at=self.started_at,
            claimed_at=self.claimed_at,
            ended_at=self.ended_at,
            lease_until=self.lease_until if self.state is State.RUNNING else None,
            worker=self.worker if self.state is State.RUNNING else None,
            cancel=self.cancel,
            result=self.result,
            error=self.error,
            progress=self.progress,
            blocked=self.blocked,
            open_parents=self.open_parents,
            unmet=self.unmet,
            purged=self.purged,
            seen_at=now,
        )

    def claim(self, worker: str, lease_ms: int, now: int) -> None:
        self.state = State.RUNNING
        self.epoch += 1
        self.revision += 1
        self.seq = 0
        self.worker = worker
        self.lease_ms = self.spec.lease_ms or lease_ms
        self.lease_until = now + self.lease_ms * 1000
        self.claimed_at = now
        if self.started_at is None:
            self.started_at = now

    def end(self, state: State, keep_ms: int, now: int) -> None:
        self.state = state
        self.ended_at = now
        self.keep_ms = keep_ms
        self.looked_at_again = 0

    def restart(self, now: int) -> None:
        """From an end back to waiting, with nothing left of it but two entries of the log."""
        self.record(Kind.STATUS, _encode(self.state.name.lower()), now)
        self.state, self.cancel, self.ended_at = State.WAITING, False, None
        self.attempts = self.losses = 0
        self.memo, self.result, self.error, self.progress = b"", None, None, None
        self.record(Kind.STATUS, _encode("requeued"), now)
        self.revision += 1
        self.due_at = now

    def change(self, change: Change, now: int) -> None:
        """Take the values that the amendment names."""
        if change.drop_result:
            self.result = None
        names = ("priority", "queue", "tags", "args")
        fields = {name: value for name in names if (value := getattr(change, name)) is not None}
        self.spec = msgspec.structs.replace(self.spec, **fields)
        if change.run_at is not None:
            self.due_at = change.run_at
        elif change.delay_ms is not None:
            self.due_at = now + change.delay_ms * 1000
        if change.run_at is None and change.delay_ms is None:
            return
        if self.open_parents:
            self.spec = msgspec.structs.replace(self.spec, delay_ms=0)
        if self.deadline is not None:
            self.spec = msgspec.structs.replace(self.spec, start_within_ms=None)

    def record(self, kind: Kind, data: bytes, now: int) -> None:
        """Add a log entry, then trim the oldest trimmed kinds above the cap."""
        attempt = self.attempts + 1 if self.state is State.RUNNING else self.attempts
        self.log.append(Update(id=self.next_entry, kind=kind, at=now, attempt=attempt, data=data))
        self.next_entry += 1
        if kind in TRIMMED_KINDS:
            trimmed = [i for i, entry in enumerate(self.log) if entry.kind in TRIMMED_KINDS]
            if len(trimmed) > TRIMMED_LOG_CAP:
                del self.log[trimmed[0]]

    def slice(self, after: int, limit: int) -> tuple[list[Update], int]:
        """Entries above ``after`` and how many up to the last of them were trimmed."""
        kept = [entry for entry in self.log if entry.id > after][:limit]
        first = max(after + 1, FIRST_ENTRY_ID)
        end = kept[-1].id + 1 if kept else self.next_entry
        return kept, max(0, end - first - len(kept))

    def bury(self) -> None:
        """Become a tombstone."""
        self.purged = True
        self.spec = NewJob(id=self.spec.id, task="")
        self.result = self.error = self.progress = None
        self.open_parents = self.unmet = 0
        self.memo = b""
        self.log = []
