"""Histories told by hand, one event after another."""

from __future__ import annotations

from typing import Any

import msgspec

from abaca.model import ErrorInfo, Job, NewJob, State, Stats
from abaca.verify import Dump, Event, Findings, Item, Options, Src, Type, check, print_of

ID = "00000000000000000000000000000100"
OTHER = "00000000000000000000000000000200"
ARGUMENTS = {"n": 1}
PRINT = print_of(ARGUMENTS)
QUICK = Options(lease=6.0, beat=2.0, grace=1.0, reap=1.0, slack=1.0)


class Story:
    """Each call writes one event, its seconds first. Time never goes back in a story."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, mono: float, src: str, type: str, f: str, /, p: str = "", **fields: Any) -> Story:
        seq = len(self.events) + 1
        event = Event(p=p or src, seq=seq, mono=mono, wall=mono, src=Src(src), type=Type(type), f=f, **fields)
        self.events.append(event)
        return self

    def enqueued(self, id: str = ID, at: float = 1.0, **options: Any) -> Story:
        self.tell(at, "client", "invoke", "enqueue", op=f"e{id}", items=(Item(id=id, print=PRINT, **options),))
        return self.tell(at + 0.1, "client", "ok", "enqueue", op=f"e{id}")

    def started(self, at: float, tok: int = 1, id: str = ID, p: str = "worker#1", **fields: Any) -> Story:
        fields = {"att": 1, "val": {"print": PRINT}, **fields}
        return self.tell(at, "handler", "event", "start", p=p, j=id, tok=tok, **fields)

    def ended(self, at: float, tok: int = 1, id: str = ID, how: str = "returned", value: object = 7) -> Story:
        val = {"how": how, "print": print_of(value)} if how == "returned" else {"how": how}
        return self.tell(at, "handler", "event", "end", p="worker#1", j=id, tok=tok, val=val)

    def stored(self, at: float, f: str, tok: int = 0, val: Any = None, id: str = ID, **fields: Any) -> Story:
        return self.tell(at, "store", "event", f, j=id, tok=tok, val=val, at=round(at * 1e6), **fields)

    def claimed(self, at: float, tok: int, f: str = "claim", lease: float = 6.0) -> Story:
        return self.stored(at, f, tok, {"worker": "w", "lease_ms": round(lease * 1000)}, att=1)

    def settled(self, at: float, tok: int, target: str, verdict: str = "applied", **val: Any) -> Story:
        return self.stored(at, "settle", tok, {"verdict": verdict, "target": target, "attempts": 1, "losses": 0, **val})

    def asked(self, at: float, f: str, answer: Any, until: float | None = None, type: str = "ok") -> Story:
        """A call about the job and its answer."""
        op = f"{f}{len(self.events)}"
        self.tell(at, "client", "invoke", f, op=op, j=ID)
        return self.tell(at if until is None else until, "client", type, f, op=op, j=ID, val=answer)

    def nemesis(self, at: float, f: str, **val: Any) -> Story:
        return self.tell(at, "nemesis", "event", f, val=val)

    def judged(self, *jobs: Job, options: Options = QUICK, **dump: Any) -> Findings:
        dump = {"stats": None, "audited": False, **dump}
        return check(self.events, Dump(jobs=jobs, **dump), options)


def record(state: State = State.COMPLETED, id: str = ID, value: object = 7, **fields: Any) -> Job:
    """The stored job at the end of a story."""
    spec = NewJob(id=id, task="t", args=msgspec.json.encode(ARGUMENTS), key=fields.pop("key", None))
    result = msgspec.json.encode(value) if state is State.COMPLETED else None
    return Job(**{"spec": spec, "state": state, "epoch": 1, "attempts": 1, "result": result, **fields})


def broken(findings: Findings) -> list[str]:
    return [rule for rule, report in findings.rules.items() if report.broken]


CRASHED = ErrorInfo(type="abaca.WorkerCrashed")
EMPTY = Stats()
