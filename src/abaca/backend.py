"""The storage seam: what a store promises. No code.

Every verb takes and answers batches. An exception means that the outcome is *unknown*: ``BackendUnavailable`` (try
again) or ``BackendError`` (a bug or a damaged store). Every verb may be repeated blindly, but for the claiming half of
``exchange`` and for ``reclaim``: a lost claim reply costs one lease.

Time belongs to the store: durations go in, never "now". A store that is given a ``Clock`` uses it in place of its own
(tests).

Order inside a queue: priority (higher first), then the line of deadlines (by deadline, then id), then the ordinary
line, where tenants take turns and a tenant's jobs go by due time, then id.

*Line of deadlines*: jobs with ``start_within_ms`` that were never claimed. Amending the due time of such a job takes
the field away, and it goes on in the ordinary line.

*Turns*: each priority of a queue has a time, at first 0, and for each tenant a pass, at first 0; jobs without a tenant
are of one tenant, the empty one. Of the tenants with a job in the ordinary lines that is due in a free lane, the one
for which the later of pass and time is lowest comes next (then the due time of its first such job, then the id). When
that job is claimed the time becomes that number, and the tenant's pass that number plus ``TURN // weight``; but where,
just before, fewer than two tenants had jobs in these lines or parked out of them (of any lane, due or later), all that
is known of the priority's turns is forgotten instead. A job that a limit parks leaves them as they were.

*Aging*: a queue whose settings say so counts its claims; each whose number is a multiple of ``AGED_SLOT`` goes to the
job that has been due longest (then by id) of all that are due in free lanes, in either line, and leaves turns as they
were. A parked job is no claim.

*Parked*: a job that a limit holds back leaves its line and stands under the limit's bucket, in a line like its own.
When a permit comes back, the rate allows a start or settings change, the first so many jobs return to their lines: of
each queue and lane, and in these of the line of deadlines and of each tenant apart, those of higher priority first. So
the next claim finds the first job of every tenant, and their turns decide.

*Let back*: a change of a queue's or a bucket's settings lets ``MOST_PARKED`` of each such group return. If more are
parked there, every later claim, for whatever queues, begins with letting as many return, until none is parked under
that bucket or it is exhausted anew: a claim parks a job under it. From then on permits and rates bring back the rest.
A held claim goes on by itself.

*Full*: a queue whose settings say ``max_length`` or ``max_wait_ms`` takes no new job when so many wait in it, those of
later and those held back included, or when a new one would wait for longer by the estimate. Only of such a queue the
jobs that claims take are counted, in slices of ``SLICE_MS`` of the store's clock, and how long they took: each claim's
time is that since the claim before it, or since the first due time of the jobs it takes where that is later. A claim
takes no time if none was counted before it in its slice and the one before. A change of the queue's settings forgets
all that was counted. The estimate is the number of due jobs, times the time of the present slice and the one before it,
divided by their claims. Due are the jobs in its lines that are due, and those that limits hold back. To the time is
added that since the latest claim, or since the first due job came due where that is later (one that is held back and
has a deadline counts as due since the deadline). Where no claim was counted in the two slices the estimate is the age
of the first due job, and without due jobs it is zero. A clock that stepped back makes no time negative.

*Shed*: in a full queue whose settings say ``Overflow.SHED`` a new job takes the place of one with a lower priority. The
jobs of lower priority that stand in lines are looked at, ``MOST_LOWER`` at most: of the lowest priority first, of these
the one due latest, then the one with the highest id. The first of them that was never claimed ends as cancelled in the
same write, with an error of type ``SHED`` that names the new job, and an entry of its log.

A backend object may be used from several event loops and threads where it says so (the three stores here do). An open
one never crosses a fork: a child process makes its own, or opens its own connections.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from abaca.model import (
    Amended,
    Beat,
    Cancelled,
    Card,
    Change,
    Exchanged,
    Fault,
    Hint,
    History,
    Job,
    Lease,
    NewJob,
    NewUpdate,
    Page,
    Pulse,
    Query,
    Receipt,
    Record,
    Requeued,
    Settle,
    Stats,
    Verdict,
    Want,
)

MAX_BATCH = 1000
MAX_BATCH_BYTES = 8 << 20
MAX_RECORD_BYTES = 256_000
TRIMMED_LOG_CAP = 1000
"""How many trimmed entries (progress and log lines) a job's log keeps."""
MOST_PARKED = 1000
"""How many jobs one claim sets aside because of limits, and how many one act lets back into their lines."""
SLICE_MS = 10_000
"""The length of the slices of time in which the claims of queues that can be full are counted."""
MOST_LOWER = 100
"""How many jobs are looked at for one that makes room in a full queue."""
MAX_PARENTS = 10_000
"""How many edges one job may have."""
MIN_TOMBSTONE_MS = 3_600_000
UNKNOWN_PARENT = "unknown parent"
"""What the reason of a refusal begins with when a parent is not there."""
HELD_AGAIN_MS = 60_000
"""When ``purge`` looks again at an ended job that it left because of a child."""
CARD_LIFE_MS = 60_000
"""A worker whose last beat is older than this is no longer listed."""


class Watch(Protocol):
    """A subscription that was confirmed before it was returned."""

    async def next(self, timeout: float) -> Hint | None:
        """The next hint, or ``None`` after ``timeout`` seconds. Hints may come early, twice, or be lost.

        A lost connection answers with a hint (re-read, please) after the subscription was made anew.
        """
        ...

    async def close(self) -> None: ...


class Attendance(Protocol):
    """A new job whose hints somebody is told of from before it is stored."""

    async def insert(self) -> Receipt:
        """Store it, as ``Backend.insert`` does. Called once, at once."""
        ...

    def close(self) -> None:
        """End of the hints."""
        ...


@runtime_checkable
class Attentive(Protocol):
    """What a store may have beside its verbs: the subscription to a job and its insert in one message."""

    def attend(self, job: NewJob, told: Callable[[Hint], None]) -> Attendance | None:
        """``told`` gets every hint on the job's topic, as ``Watch.next`` answers them, in this event loop.

        ``None``: not now, or not for this job; then ``watch`` and ``insert`` do the same.
        """
        ...


class Backend(Protocol):
    """A store of jobs. ``memory.py`` is the executable meaning of this protocol."""

    @property
    def durability(self) -> str:
        """What an acknowledged write survives, in one line for people; known once open."""
        ...

    @property
    def weaknesses(self) -> tuple[str, ...]:
        """What this store's settings take from the guarantees G1 to G10 of ``docs/guarantees.md``; known once open.

        One line for people for each setting: what it is, which guarantee it weakens and how, and what to set instead.
        """
        ...

    async def open(self) -> None:
        """Connect, migrate, and refuse with ``ConfigError`` a store that could lose jobs. Safe to repeat."""
        ...

    async def close(self) -> None: ...

    async def insert(self, jobs: Sequence[NewJob]) -> list[Receipt]:
        """Store new jobs, at most ``MAX_BATCH``; receipts in order.

        The id is judged first: a known id (tombstones included) answers ``KNOWN`` and changes nothing, which makes the
        call safe to repeat. Then the tick: one that is not after the schedule's cursor (the record of kind ``CURSOR``
        with the schedule's id), or whose schedule has no cursor, answers ``PASSED``; any other moves the cursor to it,
        whatever the key says. Then the key: one that is held answers ``HELD`` with the holder's id, or ``REPLACED``
        where ``replace`` is asked for and the holder waits: it keeps its id, its attempts and its memo and takes the
        new job's other fields, due time included, at revision + 1. A key of scope ``LIVE`` is released when its holder
        ends, ``WAITING`` when it is claimed for the first time or ends, ``PERIOD`` when ``key_ms`` are over, counted
        from the insert or the latest replacement; deleting the holder releases any. Within one batch earlier jobs
        count as present. A job that is due becomes claimable in the same write, and a held claim
        that it satisfies may be answered with it, already leased.

        Then the queue: one that is full answers ``REFUSED`` with a reason that begins with ``FULL`` and the estimate,
        unless a job is shed for it. Neither follow-ups nor replacements are judged by it.

        Parents (``after``) are judged last, before anything is written but the cursor: one that is unknown answers
        ``REFUSED`` with a reason that begins with ``UNKNOWN_PARENT``. One that has ended, tombstones included, counts
        at once: as ``unmet`` where it ended otherwise than the edge asks for. Each other one counts as open. While a
        job has open parents it stands in no line; when the last one ends, in that same write, it enters its line, due
        ``delay_ms`` later or, if that is later, at the due time it had, whatever ``unmet`` says: whoever claims it
        decides. Of a follow-up (``Transition.then``) an unknown parent counts as unmet. A job's own id is unknown to
        it. An edge ends with its child, and when its parent is deleted; where the parent was unknown there is none: a
        later job of that id means nothing to the child until its parents are counted anew. A replaced holder takes the
        new job's parents, but one of which a child has not ended takes none: there a job with parents answers ``HELD``,
        so that no circle is made. Raises ``ValueError`` for more than ``MAX_PARENTS``, a parent that is named twice,
        and ``start_within_ms`` beside a delay or a time.
        """
        ...

    async def exchange(self, done: Sequence[Settle], want: Want | None, lease: Lease) -> Exchanged:
        """Settle every ``done``, then claim for ``want``, in one round trip.

        A settle applies iff the job is RUNNING at that epoch. The first settle of (id, epoch) wins: the same transition
        again answers ``APPLIED`` and writes nothing, anything else is ``STALE``, as is an unknown id. A move to WAITING
        is refused with ``CANCEL`` when the job carries a cancel flag. Terminal status, result, totals, the key's
        release, the count at each child, follow-ups and the hint on ``job_topic(id)`` are one write; a move to WAITING
        gives a hint on that topic as well, and counts the parents of a job with unmet ones anew, as ``requeue`` does:
        one may have been requeued during the run.

        Claimed jobs are WAITING jobs that are due, at most ``want.slots[lane]`` for each lane: queues in the order
        given, inside a queue as said above; a full lane is skipped, not waited for. They become RUNNING at
        epoch + 1 with revision + 1, the update ``seq`` starts again at 0, and the lease ends ``job.lease_ms`` (else
        ``lease.ms``) from now. With ``want.hold_ms`` and nothing to claim the call stays open, answers within a moment
        of a job becoming claimable (by insert, settle, amend, requeue, or its due time coming), and answers empty
        after ``hold_ms``. A record that cannot be read is claimed like any other, with ``damage`` set.
        """
        ...

    def unhold(self) -> None:
        """End the held exchange calls of this object now; each answers with what it has. From any thread."""
        ...

    async def reclaim(self, limit: int, lease: Lease) -> list[Job]:
        """Up to ``limit`` RUNNING jobs of any queue whose lease has ended, leased to the caller at epoch + 1.

        Longest ago first; the claim is as in ``exchange``, and the cancel flag stays.
        A lease that ends later than now + its own length (the clock stepped back) is cut to now + its length.
        """
        ...

    async def beat(self, card: Card | None, beats: Sequence[Beat], lease: Lease) -> list[Pulse]:
        """Renew the lease of each (id, epoch) that is still RUNNING at that epoch, from now by the store's clock.

        Pulses in order: ``alive`` says whether it was, ``cancel`` carries the job's cancel flag. ``card`` replaces the
        worker's entry in the registry (kept ``CARD_LIFE_MS``).
        """
        ...

    async def sign_off(self, worker: str) -> None:
        """Remove a worker's card. Its leases are untouched."""
        ...

    async def cancel(self, ids: Sequence[str]) -> list[Cancelled]:
        """WAITING jobs end as cancelled at once (kept ``spec.keep`` or the default); RUNNING ones get their flag and a
        hint on ``job_topic(id)``; ended ones are untouched."""
        ...

    async def requeue(self, runs: Sequence[tuple[str, int]]) -> list[Requeued]:
        """Put ended jobs back to WAITING, due now, with a fresh attempt budget (attempts, losses 0; memo empty).

        Applies iff the job ended at that epoch; result and error are cleared, the key taken again (``HELD`` when
        another job has it), but for a key of scope ``PERIOD``, which requeuing neither needs nor renews. The log gets a
        ``status`` entry with the old ended status and one with ``requeued``. Its own parents are counted anew, as by
        ``insert``; one that is unknown counts as unmet. Each child that waits and has open or unmet parents waits for
        this job again: out of its line, ``open_parents`` one up, ``unmet`` one down where this job's old end was unmet.
        The same call again, before the next claim, answers ``REQUEUED``; so does a waiting job at that epoch whose
        budget is untouched, for which there is nothing to do.
        """
        ...

    async def amend(self, changes: Sequence[Change]) -> list[Amended]:
        """Change or delete WAITING or ended jobs whose revision matches. RUNNING answers ``BUSY``.

        Of an ended job only tags, arguments (for when it is requeued), ``drop_result`` and ``delete`` apply; other
        fields answer ``STALE``. Deleting leaves no tombstone and releases a key; for the children of a waiting job it
        is an end like a cancel. A job with open parents stays out of the lines whatever is amended; a new time counts
        as asked for: its ``delay_ms`` becomes 0.
        """
        ...

    async def append(self, updates: Sequence[NewUpdate]) -> list[Verdict]:
        """Add log entries. Stored iff the job is RUNNING at that epoch and ``seq`` is above the last stored one.

        A ``seq`` at or below it answers ``APPLIED`` and writes nothing. A ``PROGRESS`` entry also becomes the job's
        ``progress``. Trimmed kinds keep the last ``TRIMMED_LOG_CAP`` entries. Each touched job gets a hint.
        """
        ...

    async def updates(self, id: str, after: int, limit: int) -> History:
        """The job and its stored entries with ids above ``after``, ascending, at most ``limit``, read together.

        Entry ids count up from 3 in one job (1 and 2 are the synthesised ``queued`` and first ``running``). The
        settle's ``error`` adds an entry of kind ``error`` whose data is the encoded ``ErrorInfo``.
        """
        ...

    async def get(self, ids: Sequence[str]) -> list[Job | None]:
        """Jobs in order, tombstones included; ``None`` where the id is unknown."""
        ...

    async def find(self, query: Query) -> Page:
        """For people, never to decide. Keyset pages; see ``Query`` and ``Page``."""
        ...

    async def stats(self) -> Stats: ...

    async def read(self, kind: str, ids: Sequence[str]) -> list[Record | None]:
        """Records in order; ``None`` where absent or expired."""
        ...

    async def put(self, records: Sequence[Record], together: bool = False) -> list[Verdict]:
        """Compare-and-set, each record on its own: ``APPLIED`` iff the stored version is ``record.version``.

        Version 0 means absent. The new version is one higher. ``data=None`` deletes. Data above ``MAX_RECORD_BYTES``
        raises ``ValueError``. ``together``: all of them or none; if one is stale nothing is stored and every answer is
        ``STALE``. A record that is named twice then raises ``ValueError``.
        """
        ...

    async def scan(self, kind: str, after: str, limit: int) -> list[Record]:
        """Records of a kind with ids above ``after``, in order of id."""
        ...

    async def purge(self, limit: int) -> int:
        """Reduce up to ``limit`` jobs past their keep to tombstones, and drop tombstones past theirs; answers how many.

        A tombstone (id, state, end) lives for the job's keep again, at least ``MIN_TOMBSTONE_MS``. Safe everywhere at
        once. Oldest first. A job or tombstone of which a child has not ended stays as it is, with its result, and is
        looked at again after ``HELD_AGAIN_MS``; it counts towards ``limit`` and not in the answer.
        """
        ...

    async def audit(self, repair: bool = False) -> list[Fault]:
        """Recount all that the store keeps beside its job records, and answer every difference, in either direction.

        Lines, leases, ends, keys, logs, indices, counters and totals are compared with the records; entries without a
        record are faults too, and so are keys of the namespace that nothing declares. Safe beside live traffic: a
        suspect is judged in the same act that reports or repairs it, and the work is done in pieces that do not hold
        up other calls. What moves while the audit runs may be missed; what it reports is true.

        ``repair`` mends what can be made anew of the records: a waiting job goes back into its line, a running one
        gets a lease that has ended, entries without a job go, a live job takes its key again where it is free, counters
        are set. Such a fault has ``repaired``, and adds to ``Stats.repaired``.
        """
        ...

    async def watch(self, topics: Sequence[str]) -> Watch:
        """Subscribe to hints. Read *after* this returns, then wait. Correctness never depends on a hint."""
        ...
