"""Phase one: the events, folded into one small track per job and a book of everything else."""

from __future__ import annotations

from abaca.verify.history import Event, Item

NEVER = float("inf")


class Run:
    """One start of a handler: (job, epoch). Instants are monotonic seconds; ``NEVER`` where it was not seen.

    ``gone`` is when its process was seen to be gone.
    """

    __slots__ = ("arguments", "att", "end", "gone", "how", "p", "print", "start", "starts", "tok")

    def __init__(self, event: Event) -> None:
        self.tok = event.tok
        self.att = event.att
        self.p = event.p
        self.start = event.mono
        self.starts = 1
        self.end = NEVER
        self.gone = NEVER
        self.how = ""
        self.print = ""
        self.arguments: str = (event.val or {}).get("print", "")

    @property
    def over(self) -> float:
        return min(self.end, self.gone)


class Track:
    """What the history says of one job. ``asked`` is the first enqueue's start, ``acked`` its first acknowledgement.

    ``calls`` are the client's events other than enqueues, ``store`` the store's, both in order.
    """

    __slots__ = ("acked", "asked", "asks", "calls", "collapsed", "held_by", "item", "runs", "store")

    def __init__(self) -> None:
        self.item: Item | None = None
        self.asked = NEVER
        self.acked = NEVER
        self.asks = 0
        self.held_by = ""
        self.collapsed = False
        self.runs: list[Run] = []
        self.calls: list[Event] = []
        self.store: list[Event] = []

    def run(self, tok: int) -> Run | None:
        for run in self.runs:
            if run.tok == tok:
                return run
        return None

    def answers(self, f: str) -> list[Event]:
        """The calls of one kind that were answered."""
        return [event for event in self.calls if event.f == f and event.type == "ok"]

    def requeues(self) -> int:
        """How often it may have been requeued: as the store says, else as the clients were told or may have caused."""
        if self.store:
            return len([e for e in self.store if e.f == "requeue" and e.val["answer"] == "requeued"])
        requeues = [event for event in self.calls if event.f == "requeue"]
        answered = sum(event.type != "invoke" for event in requeues)
        unheard = sum(event.type == "invoke" for event in requeues) - answered  # by clients that were killed
        return unheard + len([e for e in requeues if e.type == "info" or e.val == "requeued"])
