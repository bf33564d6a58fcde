"""What workers count: runs per queue and task, and calls of the store, as sums that only grow.

A worker keeps one ``Measures`` from its start to its end. Everything else is made of it by addition and subtraction:
what happened in one minute, what all workers did together.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import Any, TypeVar

import msgspec

from abaca.model import DAY_MS

BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
"""Upper bounds of the buckets for waits and runs, in seconds; one more bucket has what is above."""
CALL_BOUNDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""The same for calls of the store."""
MOST_CELLS = 200
"""Pairs of queue and task that are counted apart; all further ones are counted together as ``OTHER``."""
OTHER = "other"
MINUTE = "minute"
"""The kind of the records that hold what one worker counted in one minute; see ``minute_id``."""
MINUTE_KEPT_MS = 2 * DAY_MS
TOTALS = "totals"
"""The kind of the records that hold what one worker counted since it began: ``Sums``."""
CARRY = "carry"
"""The kind of the one record, ``ALL``, that holds the sums of workers that are gone: ``Carry``."""
ALL = "all"
_FORM = 1


class Cell(msgspec.Struct, array_like=True):
    """Sums of one queue and task. Histograms count by ``BOUNDS``; ``waited`` and ``ran`` are seconds.

    A *start* is a claim: its wait is from the job's due time to the claim. A run ends in exactly one of ``completed``
    to ``lost``: ``failed`` and ``cancelled`` end the job, ``retried`` was charged and comes again, ``snoozed`` asked
    for a later run, ``given_back`` was not begun or not finished for reasons of the worker, ``lost`` vanished and
    nobody is to blame. ``timeouts`` counts runs among them that passed their time. ``lease_losses`` counts runs whose
    end the store would not take, because the job was no longer theirs; ``reclaimed`` counts what was taken over from
    workers that had fallen silent.
    """

    queue: str
    task: str
    waits: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    waited: float = 0.0
    runs: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    ran: float = 0.0
    completed: int = 0
    failed: int = 0
    retried: int = 0
    snoozed: int = 0
    cancelled: int = 0
    given_back: int = 0
    lost: int = 0
    timeouts: int = 0
    lease_losses: int = 0
    reclaimed: int = 0

    @property
    def started(self) -> int:
        return sum(self.waits)

    def under(self, queue: str, task: str) -> Cell:
        """The same counts under other names."""
        copy = _copied(self)
        copy.queue, copy.task = queue, task
        return copy


class Verb(msgspec.Struct, array_like=True):
    """Calls of one verb of the store: by ``CALL_BOUNDS``, their seconds in all, and how many raised."""

    name: str
    calls: list[int] = msgspec.field(default_factory=lambda: [0] * (len(CALL_BOUNDS) + 1))
    seconds: float = 0.0
    errors: int = 0


OUTCOMES = ("completed", "failed", "retried", "snoozed", "cancelled", "given_back", "lost")
"""The fields of a ``Cell`` that say how a run ended; each run has one."""


class _Packed(msgspec.Struct, array_like=True):
    form: int
    cells: list[Cell]
    verbs: list[Verb]


class Sums(msgspec.Struct, frozen=True, array_like=True):
    """``measures`` is packed. Once ``closed`` they are final: they belong to whoever adds them to the ``Carry``."""

    measures: bytes = b""
    closed: bool = False

    @property
    def counted(self) -> Measures:
        return Measures.unpack(self.measures)

    def pack(self) -> bytes:
        return _encode(self)

    @classmethod
    def unpack(cls, data: bytes | None) -> Sums:
        return _decode_sums(data) if data else cls()


class Carry(msgspec.Struct, frozen=True, array_like=True):
    """``folded`` names the totals that are in it: whoever adds up leaves them out as long as they are stored."""

    measures: bytes = b""
    folded: tuple[str, ...] = ()

    @property
    def counted(self) -> Measures:
        return Measures.unpack(self.measures)

    def pack(self) -> bytes:
        return _encode(self)

    @classmethod
    def unpack(cls, data: bytes | None) -> Carry:
        return _decode_carry(data) if data else cls()


T = TypeVar("T", Cell, Verb)
K = TypeVar("K")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode
_decode_sums = msgspec.msgpack.Decoder(Sums).decode
_decode_carry = msgspec.msgpack.Decoder(Carry).decode


def minute_id(minute: int, worker: str) -> str:
    """The id of a worker's row; ``minute`` counts from 1970. Rows are in order of time."""
    return f"{minute:010d}:{worker}"


class Measures:
    """Cells by queue and task, and verbs by name. One thread changes it; any other may take a ``copy``."""

    __slots__ = ("cells", "verbs")

    def __init__(self, cells: Iterable[Cell] = (), verbs: Iterable[Verb] = ()) -> None:
        self.cells = {(cell.queue, cell.task): cell for cell in cells}
        self.verbs = {verb.name: verb for verb in verbs}

    def cell(self, queue: str, task: str) -> Cell:
        """The cell to count in; that of ``OTHER`` when there are too many."""
        cell = self.cells.get((queue, task))
        if cell is None:
            if len(self.cells) >= MOST_CELLS:
                queue = task = OTHER
                cell = self.cells.get((queue, task))
            if cell is None:
                cell = self.cells[queue, task] = Cell(queue, task)
        return cell

    def verb(self, name: str) -> Verb:
        verb = self.verbs.get(name)
        if verb is None:
            verb = self.verbs[name] = Verb(name)
        return verb

    def __bool__(self) -> bool:
        return bool(self.cells or self.verbs)

    def copy(self) -> Measures:
        """From any thread: a count that is just being made may be in it or not."""
        return Measures(
            [_copied(cell) for cell in list(self.cells.values())], [_copied(verb) for verb in list(self.verbs.values())]
        )

    def add(self, other: Measures) -> None:
        for cell in other.cells.values():
            _combine(self.cell(cell.queue, cell.task), cell, operator.add)
        for verb in other.verbs.values():
            _combine(self.verb(verb.name), verb, operator.add)

    def since(self, earlier: Measures) -> Measures:
        """What came after ``earlier``, which is an older copy of these sums; what did not change is left out."""
        return Measures(_grown(self.cells, earlier.cells), _grown(self.verbs, earlier.verbs))

    def pack(self) -> bytes:
        return _encode(_Packed(_FORM, list(self.cells.values()), list(self.verbs.values())))

    @classmethod
    def unpack(cls, data: bytes | None) -> Measures:
        """Nothing where there is nothing, or what another version of this program has written."""
        if not data:
            return cls()
        try:
            packed = _decode(data)
        except msgspec.MsgspecError:
            return cls()
        return cls(packed.cells, packed.verbs) if packed.form == _FORM else cls()


def _copied(one: T) -> T:
    values: Any = (list(value) if isinstance(value, list) else value for value in msgspec.structs.astuple(one))
    return type(one)(*values)


def _grown(now: dict[K, T], before: dict[K, T]) -> list[T]:
    grown = []
    for name, one in now.items():
        old = before.get(name)
        if old is None:
            grown.append(_copied(one))
        elif one != old:
            fresh = _copied(one)
            _combine(fresh, old, operator.sub)
            grown.append(fresh)
    return grown


def _combine(target: T, other: T, do: Callable[[Any, Any], Any]) -> None:
    for field in type(target).__struct_fields__:
        mine, theirs = getattr(target, field), getattr(other, field)
        if isinstance(mine, list):
            setattr(target, field, [do(a, b) for a, b in zip_longest(mine, theirs, fillvalue=0)])
        elif isinstance(mine, int | float):
            setattr(target, field, do(mine, theirs))
