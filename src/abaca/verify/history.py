"""The history of a run: one file of JSON lines per process, appended by whole lines, merged by time.

Every process writes what it did itself: a client its calls (``invoke`` before, ``ok``, ``fail`` or ``info`` after; a
time-out or a lost connection is ``info``: it may have happened), a handler its start before any user code and its end
before it returns, the nemesis each fault. ``CLOCK_MONOTONIC`` is common to all processes of a machine, so ``mono``
orders events across files. Where the store is simulated it writes too, at the instant of the write itself.

What each event carries, beside ``p``, ``seq``, ``mono``, ``wall``; ``print`` is ``print_of`` the value:

========= ======= ========= ====================================================================================
src       f       type      fields
========= ======= ========= ====================================================================================
client    enqueue invoke    op, items (one ``Item`` for each job of the call)
client    enqueue ok        op; val ``{"held": {id: holder}, "known": [id], "refused": [id]}`` names those that
                            were not inserted, absent when all were
client    enqueue info      op: unknown whether it was stored
client    enqueue fail      op: surely not stored
client    cancel  invoke    op, j
client    cancel  ok        op, j; val ``"ended"`` (it was waiting), ``"flagged"`` (it runs), ``"already"``,
                            ``"unknown"``
client    requeue invoke    op, j
client    requeue ok        op, j; val ``"requeued"``, ``"held"``, ``"stale"``, ``"unknown"``
client    wait    invoke    op, j
client    wait    ok        op, j; val ``{"status", "print", "ended_at"}``: how the job ended, print of its result
                            (completed only), the store's instant of the end in microseconds (may be absent)
client    read    ok        j; val as for wait: a later look at an ended job
client    cancel, requeue,  info, fail: op, j; val the error's text (a wait that timed out is ``fail``)
          wait
client    updates invoke    op, j; val ``{"after": id}``: a reader of the job's updates begins
client    update  event     op, j; val ``{"id", "kind", "value"}``: one update as the reader got it
client    updates ok        op, j: the reader saw the end
handler   start   event     j, tok (epoch), att; val ``{"print"}`` of the arguments by name
handler   effect  event     j, tok: something outside was changed
handler   end     event     j, tok; val ``{"how", "print"}``: ``returned`` (print of the value), ``raised``,
                            ``aborted``, ``snoozed``, ``interrupted`` (cancelled, timed out, released)
worker    exit    event     val ``{"p"}``: a process is gone, with every run that was in it; by whoever saw it
worker    beat    ok        j, tok: the answer to a beat reached the worker, its lease alive
store     insert  event     j, at; val ``{"due"}`` (store's clock, microseconds); only what was INSERTED
store     known   event     j, at: an insert of an id that was there already
store     claim   event     j, tok, att, at; val ``{"worker", "lease_ms"}``
store     reclaim event     as claim
store     beat    event     j, tok, at; val ``{"alive", "lease_ms"}``
store     settle  event     j, tok, at; val ``{"verdict", "target", "due", "attempts", "losses", "print", "error"}``;
                            verdict ``applied``, ``repeat`` (applied before, nothing written), ``stale``, ``cancel``;
                            target is a state's name in lower case; due only for a move to waiting
store     append  event     j, tok, at; val the verdict
store     cancel  event     j, at; val as for the client's; also of a job that made room in a full queue
store     requeue event     j, at; val ``{"answer", "due"}``
store     amend   event     j, at; val ``{"answer", "due"}``: due of a job that waits
store     cron    event     j, at; val ``{"schedule", "tick"}``: a tick's job was inserted
nemesis   kill    event     val ``{"p"}``: SIGKILL to a process; also ``drain`` (SIGTERM), ``stop``, ``cont`` (paused)
nemesis   fault   event     val ``{"kind", "on"}``: ``on`` true when it begins, false when it ends, absent for one that
                            has no length; kinds in ``Fault``
nemesis   clock   event     val ``{"who": "store" or a process, "step": seconds}``
nemesis   quiet   event     val ``{"on"}``: no fault from here on until ``on`` is false
========= ======= ========= ====================================================================================

``p`` names a process as ``role#pid`` or ``role#pid.child``; a fault on ``p`` covers every process whose name is ``p``
or begins with ``p`` and a dot. A client's role begins with ``client``.
"""

from __future__ import annotations

import heapq
import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

VERSION = 1
SUFFIX = ".history"
_CHUNK = 1 << 18


class Src(StrEnum):
    """Who saw the event."""

    CLIENT = "client"
    HANDLER = "handler"
    WORKER = "worker"
    STORE = "store"
    NEMESIS = "nemesis"


class Type(StrEnum):
    """``info``: the outcome of an invoked call is unknown, and stays so."""

    INVOKE = "invoke"
    OK = "ok"
    FAIL = "fail"
    INFO = "info"
    EVENT = "event"


class Fault(StrEnum):
    """Kinds of fault that the checker knows. Others are allowed and only counted."""

    STORE_AWAY = "store_away"
    STORE_RESTART = "store_restart"
    REQUEST_LOST = "request_lost"
    REPLY_LOST = "reply_lost"
    SLOW = "slow"
    CUT_OFF = "cut_off"


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """One job of an enqueue. ``id`` is the client's own, ``print`` of its arguments by name.

    ``delay`` in seconds, ``run_at`` in microseconds since the epoch, ``timeout`` and ``lease`` in seconds, where given.
    ``after`` names the jobs it waits for, ``when`` how each of those must end for it to run (``completed``, ``failed``,
    ``ended``). ``limits`` are (bucket, concurrency) of those that bound how many run at once. ``max`` is the rule's
    ``max_attempts``. ``tick`` is (schedule, tick) of a cron job.
    """

    id: str
    print: str
    q: str = "default"
    key: str | None = None
    delay: float = 0.0
    run_at: int | None = None
    max: int = 4
    timeout: float | None = None
    lease: float | None = None
    after: tuple[str, ...] = ()
    when: str = "completed"
    limits: tuple[tuple[str, int], ...] = ()
    tick: tuple[str, int] | None = None


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a history. ``tok`` is the epoch, ``att`` the attempt, ``at`` the store's clock in microseconds.

    ``mono`` and ``wall`` are seconds, ``seq`` counts the lines of one process.
    """

    p: str
    seq: int
    mono: float
    src: Src
    type: Type
    f: str
    wall: float = 0.0
    v: int = VERSION
    j: str = ""
    op: str = ""
    tok: int = 0
    att: int = 0
    at: int = 0
    val: Any = None
    items: tuple[Item, ...] = ()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Event).decode


class HistoryWriter:
    """Appends this process's events to ``<folder>/<p>.history``, each line at once, from any thread.

    A line is in the kernel's hands when ``write`` returns, so SIGKILL loses none. Nothing is synced to disk.
    """

    def __init__(self, folder: Path, p: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.p = p
        self._seq = 0
        self._lock = threading.Lock()
        self._fd = os.open(folder / f"{p}{SUFFIX}", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(
        self,
        src: Src,
        type: Type,
        f: str,
        *,
        j: str = "",
        op: str = "",
        tok: int = 0,
        att: int = 0,
        val: Any = None,
        items: Sequence[Item] = (),
    ) -> None:
        """One event, stamped now. Raises ``OSError`` when it cannot be written."""
        with self._lock:
            self._seq += 1
            event = Event(
                p=self.p,
                seq=self._seq,
                mono=time.monotonic(),
                wall=time.time(),
                src=src,
                type=type,
                f=f,
                j=j,
                op=op,
                tok=tok,
                att=att,
                val=val,
                items=tuple(items),
            )
            os.write(self._fd, _encode(event) + b"\n")

    def close(self) -> None:
        os.close(self._fd)


class Torn:
    """How many lines could not be read: a process may be killed in the middle of its last one."""

    def __init__(self) -> None:
        self.lines = 0


def encode_line(event: Event) -> bytes:
    return _encode(event)


def read_history(folder: Path, torn: Torn | None = None) -> Iterator[Event]:
    """The events of every process in order of time. Files are not held open, so there may be thousands.

    A torn last line is skipped and counted in ``torn``; a damaged line elsewhere raises ``ValueError``.
    """
    files = sorted(folder.glob(f"*{SUFFIX}"))
    return merge(read_file(path, torn or Torn()) for path in files)


def merge(streams: Iterable[Iterable[Event]]) -> Iterator[Event]:
    """Streams that are each in order, merged by ``mono``; at the same instant in the order of process and line."""
    return heapq.merge(*streams, key=_place)


def _place(event: Event) -> tuple[float, str, int]:
    return event.mono, event.p, event.seq


def read_file(path: Path, torn: Torn) -> Iterator[Event]:
    """The events of one file, in order."""
    at, rest = 0, b""
    while True:
        with path.open("rb") as file:
            file.seek(at)
            chunk = file.read(_CHUNK)
        if not chunk:
            break
        at += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield _read_line(path, line)
    if rest:
        torn.lines += 1


def _read_line(path: Path, line: bytes) -> Event:
    try:
        return _decode(line)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path.name}: a line of the history cannot be read: {error}: {line[:200]!r}") from error
