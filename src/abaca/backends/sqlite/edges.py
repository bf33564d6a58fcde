"""Edges from parents to children: counted when a child is stored, and again at every end of a parent."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from abaca.backends.search import unknown_parent
from abaca.backends.sqlite.limits import leave
from abaca.backends.sqlite.rows import read_jobs
from abaca.backends.sqlite.tx import Tx, binary_id, pack
from abaca.model import Inserted, NewJob, Receipt, State, When, queue_topic

_WANTS = {When.COMPLETED: 0, When.FAILED: 1, When.ENDED: 2}
_encode = msgspec.json.Encoder().encode


def without_parent(tx: Tx, new: NewJob, id: str) -> Receipt | None:
    """The refusal of a job, which is to get this id, of which a parent is not stored."""
    if not new.after:
        return None
    *_, place = _count(tx, new, id)
    if place is None:
        return None
    reason = unknown_parent(new.parents[place], new.id)
    return Receipt(id=new.id, outcome=Inserted.REFUSED, reason=reason)


def has_children(tx: Tx, id: str) -> bool:
    """Whether any child of the job has not ended."""
    return bool(tx.rows("has_children", id=bytes.fromhex(id)))


def link(tx: Tx, new: NewJob) -> None:
    """Note what a job that was just stored, or replaced, asks of its parents, and count them."""
    tx.run("put_asked", id=bytes.fromhex(new.id), after=_encode(new.after).decode())
    _link(tx, new)


def link_again(tx: Tx, new: NewJob) -> None:
    """Count the parents of a job that waits again by what they are now."""
    tx.run("drop_edges_to", ids=pack([new.id]))
    _link(tx, new)


def _link(tx: Tx, new: NewJob) -> None:
    opened, unmet, unknown, _ = _count(tx, new, new.id)
    id = bytes.fromhex(new.id)
    tx.run("add_edges", id=id, parents=_named(new))
    tx.run("mark_parents", id=id)
    tx.run("await_parents", id=id, open=opened, unmet=unmet + unknown if new.after else None)


def unlink(tx: Tx, ids: Sequence[str]) -> None:
    """Jobs are about to go, or to become tombstones: nobody waits for them, and they for nobody."""
    packed = pack(ids)
    tx.run("drop_edges_to", ids=packed)
    tx.run("drop_edges_from", ids=packed)
    tx.run("drop_asked", ids=packed)


def tell_end(tx: Tx, parents: Sequence[str], state: State | None = None) -> None:
    """Parents have ended, as their rows or ``state`` say: those of whom they were the last enter their lines."""
    queues = {queue for (queue,) in tx.rows("count_ends", ids=pack(parents), state=state, now=tx.now)}
    for queue in queues - {None}:
        tx.hint(queue_topic(queue))


def tell_restart(tx: Tx, id: str, ended: State) -> None:
    """A job that had ended like this waits again, and with it those of its children that have not started their way."""
    raw = bytes.fromhex(id)
    if not tx.rows("any_parked"):
        tx.run("count_restart", id=raw, state=ended, child=None)
        return
    for (child,) in tx.rows("children_again", id=raw):  # each that leaves its line makes room for one that is parked
        (job,) = read_jobs(tx, [child]).values()
        leave(tx, job)
        tx.run("count_restart", id=raw, state=ended, child=bytes.fromhex(child))


def _count(tx: Tx, new: NewJob, id: str) -> tuple[int, int, int, int | None]:
    """Open, unmet and unknown parents, and the place of the first unknown one."""
    ((opened, unmet, unknown, place),) = tx.rows("count_parents", id=bytes.fromhex(id), parents=_named(new))
    return opened, unmet, unknown, place


def _named(new: NewJob) -> str:
    """The parents as the statements take them; what cannot be an id is none that is stored."""
    return pack([("" if binary_id(id) is None else id, _WANTS[edges.when]) for edges in new.after for id in edges.ids])
