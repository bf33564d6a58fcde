"""The fold: a book that takes events one by one. Nothing is judged here."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from abaca.verify.checker.tracks import NEVER, Run, Track
from abaca.verify.history import Event, Item

Span = tuple[float, float]


class Book:
    """Tracks by job, and what concerns no single job. ``kinds`` counts events by (src, f)."""

    def __init__(self) -> None:
        self.tracks: dict[str, Track] = {}
        self.kinds: Counter[tuple[str, str]] = Counter()
        self.faults: Counter[str] = Counter()
        self.quiet: list[Span] = []
        self.spans: dict[str, list[Span]] = defaultdict(list)
        """When faults that have a length were on, by kind, and pauses under ``stop``."""
        self.steps: list[tuple[float, float]] = []
        """Steps of the store's clock: when, and by how many seconds."""
        self.activity: Counter[int] = Counter()
        """Starts and ends of handlers in each second."""
        self.drained: set[str] = set()
        self.killed: dict[str, float] = {}
        self.deaths: list[float] = []
        """When processes were seen to be gone, in order."""
        self.unknown = 0
        self.readers: dict[str, list[Event]] = defaultdict(list)
        self.last = 0.0
        self._open: dict[str, tuple[Item, ...]] = {}
        self._living: dict[str, dict[int, Run]] = defaultdict(dict)
        self._on: dict[tuple[str, str], float] = {}
        self._ways: dict[tuple[str, str], Callable[[Event], None]] = {
            ("client", "enqueue"): self._enqueue,
            ("client", "updates"): self._reader,
            ("client", "update"): self._reader,
            ("handler", "start"): self._start,
            ("handler", "end"): self._end,
            ("handler", "effect"): lambda event: None,
            ("worker", "exit"): lambda event: self._gone(event.val["p"], event.mono),
            ("worker", "beat"): lambda event: None,
            ("nemesis", "kill"): self._kill,
            ("nemesis", "drain"): lambda event: self.drained.add(event.val["p"]),
            ("nemesis", "stop"): lambda event: self._span("stop", event.val["p"], event.mono, on=True),
            ("nemesis", "cont"): lambda event: self._span("stop", event.val["p"], event.mono, on=False),
            ("nemesis", "fault"): self._fault,
            ("nemesis", "clock"): self._clock,
            ("nemesis", "quiet"): lambda event: self._span("quiet", "", event.mono, on=event.val["on"]),
        }

    def fold(self, events: Iterable[Event]) -> None:
        """Take every event, then close what is still open."""
        for event in events:
            self.kinds[event.src, event.f] += 1
            way = self._ways.get((event.src, event.f))
            if way is not None:
                way(event)
            elif event.j:
                track = self.track(event.j)
                (track.store if event.src == "store" else track.calls).append(event)
            self.last = event.mono
        self.unknown += len(self._open)  # whose client died before it heard an answer
        for kind, p in list(self._on):
            self._span(kind, p, NEVER, on=False)
        self.quiet = self.spans.pop("quiet", [])
        if not self.quiet and not any(src == "nemesis" for src, _ in self.kinds):
            self.quiet = [(0.0, NEVER)]

    def track(self, id: str) -> Track:
        track = self.tracks.get(id)
        if track is None:
            track = self.tracks[id] = Track()
        return track

    def has(self, src: str, f: str) -> bool:
        return (src, f) in self.kinds

    def _enqueue(self, event: Event) -> None:
        match event.type:
            case "invoke":
                self._open[event.op] = event.items
                for item in event.items:
                    track = self.track(item.id)
                    track.asks += 1
                    if track.item is None:
                        track.item, track.asked = item, event.mono
            case "ok":
                self._acknowledged(event)
            case "info":
                self.unknown += 1
                self._open.pop(event.op, None)
            case _:
                self._open.pop(event.op, None)

    def _acknowledged(self, event: Event) -> None:
        answers = event.val or {}
        held: dict[str, str] = answers.get("held", {})
        refused = set(answers.get("refused", ()))
        known = set(answers.get("known", ()))
        for item in self._open.pop(event.op, ()):
            track = self.track(item.id)
            if item.id in held:
                track.held_by = held[item.id]
            elif item.id not in refused:
                track.acked = min(track.acked, event.mono)
                track.collapsed = track.collapsed or item.id in known

    def _reader(self, event: Event) -> None:
        self.readers[event.op].append(event)

    def _start(self, event: Event) -> None:
        track = self.track(event.j)
        run = track.run(event.tok)
        self.activity[int(event.mono)] += 1
        if run is not None:
            run.starts += 1
            return
        run = Run(event)
        track.runs.append(run)
        self._living[event.p][id(run)] = run

    def _end(self, event: Event) -> None:
        run = self.track(event.j).run(event.tok)
        self.activity[int(event.mono)] += 1
        if run is None or run.end != NEVER:
            return
        val = event.val or {}
        run.end, run.how, run.print = event.mono, val.get("how", ""), val.get("print", "")
        self._living[run.p].pop(id(run), None)

    def _kill(self, event: Event) -> None:
        self.killed[event.val["p"]] = event.mono
        self._gone(event.val["p"], event.mono)

    def _gone(self, p: str, mono: float) -> None:
        self.deaths.append(mono)
        for name in [name for name in self._living if covers(p, name)]:
            for run in self._living.pop(name).values():
                run.gone = mono

    def _fault(self, event: Event) -> None:
        kind, on = event.val["kind"], event.val.get("on")
        if on is not False:
            self.faults[kind] += 1
        if on is not None:
            self._span(kind, event.val.get("p", ""), event.mono, on=on)
        else:
            self.spans[kind].append((event.mono, event.mono))

    def _clock(self, event: Event) -> None:
        self.faults["clock"] += 1
        if event.val["who"] == "store":
            self.steps.append((event.mono, event.val["step"]))

    def _span(self, kind: str, p: str, mono: float, *, on: bool) -> None:
        if on:
            self._on.setdefault((kind, p), mono)
            if kind == "stop":
                self.faults["stop"] += 1
            return
        since = self._on.pop((kind, p), None)
        if since is not None:
            self.spans[kind].append((since, mono))

    def disturbed(self, begins: float, ends: float) -> bool:
        """Whether a process died or was stopped in that time."""
        at = bisect_left(self.deaths, begins)
        died = at < len(self.deaths) and self.deaths[at] <= ends
        return died or any(since < ends and until > begins for since, until in self.spans["stop"])

    def late(self, since: float, done: float, bound: float) -> bool:
        """Whether something that was due at ``since`` took longer than ``bound`` although all was quiet.

        The time runs from the start of a quiet period at the earliest, and ends with it.
        """
        return any(max(since, begins) + bound < min(done, ends, self.last + 1e-9) for begins, ends in self.quiet)

    def stepped(self, begins: float, ends: float) -> tuple[float, float]:
        """How far the store's clock was put forward in that time, and when it was last put back (or ``begins``)."""
        forward, back = 0.0, begins
        for mono, step in self.steps:
            if begins <= mono <= ends:
                forward += max(step, 0.0)
                back = mono if step < 0 else back
        return forward, back


def covers(p: str, name: str) -> bool:
    """Whether a fault on ``p`` hits the process ``name``."""
    return name == p or name.startswith(p + ".")
