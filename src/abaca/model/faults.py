"""What an audit finds: places in which a store disagrees with its own job records."""

from __future__ import annotations

from enum import StrEnum

from abaca.model.base import Value


class FaultKind(StrEnum):
    """Kinds of disagreement. The job records are the truth; everything else can be made anew of them."""

    WAITING_NOT_IN_LINE = "waiting-not-in-line"
    """A WAITING job does not stand in its line, or not at its due time: nobody would claim it, or at a wrong time."""
    LINE_WITHOUT_JOB = "line-without-job"
    """A place in a line whose job is unknown, does not wait, or waits elsewhere."""
    RUNNING_WITHOUT_LEASE = "running-without-lease"
    """A RUNNING job whose lease is not listed, or with another end: nobody would take it from a dead worker in time."""
    LEASE_WITHOUT_JOB = "lease-without-job"
    ENDED_NOT_EXPIRING = "ended-not-expiring"
    """An ended job that no purge would reach, or at a wrong time."""
    EXPIRY_WITHOUT_JOB = "expiry-without-job"
    KEY_WITHOUT_HOLDER = "key-without-holder"
    """A key is taken in the name of a job that is unknown, has ended, or has another key."""
    HOLDER_WITHOUT_KEY = "holder-without-key"
    """A live job does not hold its key, so that a second one could be stored."""
    PERMIT_WITHOUT_RUN = "permit-without-run"
    """A permit of a bucket whose holder does not run: the limit would let too few jobs start."""
    PARENTS = "parents"
    """A waiting job counts its open or unmet parents otherwise than its edges do: it would start too soon, or never."""
    EDGE_WITHOUT_JOB = "edge-without-job"
    """An edge whose child does not wait for the parent, or whose parent is unknown: it would hold a parent for ever."""
    LOG_WITHOUT_JOB = "log-without-job"
    INDEX = "index"
    """An index of queues, lines, workers or small records disagrees with what it lists."""
    COUNT = "count"
    """A counter differs from a recount."""
    UNREADABLE = "unreadable"
    """A job record that cannot be read. Its claimer fails the job; an audit leaves it as evidence."""
    WRONG_TYPE = "wrong-type"
    """A key of the store holds another type of value than it should."""
    UNDECLARED = "undeclared"
    """A key in the store's namespace that no part of the store declares. It may belong to a later release: it stays."""
    FILE = "file"
    """The database file is damaged."""


class Fault(Value, frozen=True, kw_only=True):
    """One disagreement. ``id`` names the job where there is one, else the key, line or counter.

    ``repaired`` says that it was mended in the act that found it.
    """

    kind: FaultKind
    id: str
    detail: str
    repaired: bool = False
