"""Messages between a worker's processes over a socket pair: length-framed, msgpack, no pickle.

The two hot messages (runs taken, runs gone) are packed by hand, a batch in one frame, because every job crosses here
twice; all others are tagged structs.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

import msgspec

from abaca.logs import LogSettings
from abaca.model import Job, Kind, Value
from abaca.places import IN_THE_RECORD
from abaca.policy.outcome import Outcome
from abaca.worker.options import WorkerOptions
from abaca.worker.runs import RunKey

_HEAD = struct.Struct("<IB")
_TAKEN = struct.Struct("<16sIII")
_GONE = struct.Struct("<16sI")
_LIMITS_OF_RUN = struct.Struct("<III")
_FIRST_RUN = _LIMITS_OF_RUN.pack(1, 0, 0).hex()
_SENT_AT = struct.Struct("<d")
_LIMITS = struct.Struct("<II")
MAX_FRAME = 256 << 20


class Configure(Value, frozen=True, kw_only=True, tag=True):
    """Supervisor to runner, first: what to load and how to work. ``worker`` is the holder's id in every lease."""

    app: str
    worker: str
    options: WorkerOptions
    logs: LogSettings = LogSettings()


class Ready(Value, frozen=True, kw_only=True, tag=True):
    """Runner to supervisor: the application is loaded."""

    url: str
    tasks: tuple[str, ...]
    schedules: tuple[str, ...] = ()
    results: str = IN_THE_RECORD
    lanes: dict[str, int] = msgspec.field(default_factory=dict)


class Go(Value, frozen=True, kw_only=True, tag=True):
    """Supervisor to runner: the store is open; announce the tasks, and claim."""


class Announced(Value, frozen=True, kw_only=True, tag=True):
    """Runner to supervisor: the store knows the application's tasks and schedules; the first claim comes next."""


class Counters(Value, frozen=True, kw_only=True, tag=True):
    """Runner to supervisor: absolute counts since the runner began; ``measures`` are packed."""

    processed: int = 0
    succeeded: int = 0
    failed: int = 0
    busy_ms: int = 0
    measures: bytes = b""


class ChildStarted(Value, frozen=True, kw_only=True, tag=True):
    """Runner to supervisor: a process group that runs user code, and for which run (``None``: idle)."""

    pid: int
    id: str | None = None
    epoch: int = 0


class Begins(Value, frozen=True, kw_only=True, tag=True):
    """Runner to supervisor: this run has waited for results of its parents until now; its time begins here."""

    id: str
    epoch: int


class Apart(Value, frozen=True, kw_only=True, tag=True):
    """Runner to supervisor: this run is for a child process and does not have it yet, or waits for its batch.

    ``untouched``: until then no user code works for it in the runner, as middleware would.
    """

    id: str
    epoch: int
    untouched: bool = True


class Called(Value, frozen=True, kw_only=True, tag=True):
    """Runner to supervisor: a batch begins with these runs, in the runner itself; their time counts from here."""

    runs: tuple[tuple[str, int], ...]


class ChildEnded(Value, frozen=True, kw_only=True, tag=True):
    pid: int


class StopRun(Value, frozen=True, kw_only=True, tag=True):
    """Supervisor to runner: interrupt this run. ``reason`` is a ``StopReason`` value."""

    id: str
    epoch: int
    reason: str


class Over(Value, frozen=True, kw_only=True, tag=True):
    """Runner to supervisor, after an order to stop: the handler is over and its outcome is on the way to the store."""

    id: str
    epoch: int


class Beaten(Value, frozen=True, kw_only=True, tag=True):
    """Supervisor to runner, after each round of beats: when it was sent (monotonic), ``None`` when it failed."""

    sent_at: float | None


class Drain(Value, frozen=True, kw_only=True, tag=True):
    """Supervisor to runner: claim no more, finish within ``grace`` seconds, give back the rest, exit 0."""

    grace: float


class Drained(Value, frozen=True, kw_only=True, tag=True):
    """Runner to supervisor: it has drained as far as it can, what is left is given back, and it exits next."""


class Hopeless(Value, frozen=True, kw_only=True, tag=True):
    """Runner to supervisor: it cannot start or cannot claim, and why. It exits next."""

    reason: str


class Work(Value, frozen=True, kw_only=True, tag=True):
    """Runner to child: run this job. ``app`` or ``main`` says how a task that the child lacks is found."""

    job: Job
    module: str
    qualname: str
    app: str | None = None
    main: str | None = None


class Begun(Value, frozen=True, kw_only=True, tag=True):
    """Child to runner: the work has arrived; from here on a death is the run's own."""


class Report(Value, frozen=True, kw_only=True, tag=True):
    """Child to runner: progress or a log line."""

    kind: Kind
    data: bytes


class Ask(Value, frozen=True, kw_only=True, tag=True):
    """Child to runner: what a step, a sleep or an event needs of the store; ``what`` is packed by ``asking.py``."""

    number: int
    what: bytes


class Answer(Value, frozen=True, kw_only=True, tag=True):
    """Runner to child: what the store said, packed. ``lost``: the run is no longer the job's. ``fault``: it failed."""

    number: int
    what: bytes = b""
    lost: bool = False
    fault: str | None = None


class Ended(Value, frozen=True, kw_only=True, tag=True):
    """Child to runner: the run is over. ``rss`` is the child's resident memory in bytes."""

    outcome: bytes
    rss: int = 0


Message = (
    Configure
    | Ready
    | Go
    | Announced
    | Counters
    | ChildStarted
    | Begins
    | Apart
    | Called
    | ChildEnded
    | StopRun
    | Over
    | Beaten
    | Drain
    | Drained
    | Hopeless
    | Work
    | Begun
    | Report
    | Ask
    | Answer
    | Ended
)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode

_TAG_MESSAGE, _TAG_TAKEN, _TAG_GONE = 0, 1, 2


class _Wrapped(Value, frozen=True, kw_only=True):
    """An outcome inside a frame; its classes carry no tag of their own elsewhere."""

    kind: str
    body: msgspec.Raw


_OUTCOMES: dict[str, type[Outcome]] = {cls.__name__: cls for cls in Outcome.__args__}


def pack_outcome(outcome: Outcome) -> bytes:
    return _encode(_Wrapped(kind=type(outcome).__name__, body=msgspec.Raw(_encode(outcome))))


def unpack_outcome(data: bytes) -> Outcome:
    wrapped = msgspec.msgpack.decode(data, type=_Wrapped)
    return msgspec.msgpack.decode(wrapped.body, type=_OUTCOMES[wrapped.kind])


def frame(message: Message) -> bytes:
    body = _encode(message)
    return _HEAD.pack(len(body), _TAG_MESSAGE) + body


def frame_taken(jobs: Iterable[Job], sent_at: float) -> bytes:
    """One frame that names the runs just claimed, each with its own lease and timeout in ms (0: none).

    ``sent_at`` is the monotonic clock, common to all processes of a machine, when the claim was sent.
    """
    parts = []
    for job in jobs:
        spec = job.spec
        if job.epoch == 1 and spec.lease_ms is None and spec.timeout_ms is None:
            parts.append(spec.id + _FIRST_RUN)
        else:
            parts.append(spec.id + _LIMITS_OF_RUN.pack(job.epoch, spec.lease_ms or 0, spec.timeout_ms or 0).hex())
    body = _SENT_AT.pack(sent_at) + bytes.fromhex("".join(parts))
    return _HEAD.pack(len(body), _TAG_TAKEN) + body


def frame_gone(keys: Iterable[RunKey]) -> bytes:
    """One frame that names the runs whose settle the store has judged."""
    body = bytes.fromhex("".join([id + _EPOCHS[epoch] for id, epoch in keys]))
    return _HEAD.pack(len(body), _TAG_GONE) + body


class _Epochs(dict[int, str]):
    """Epochs as the frames have them, in hexadecimal digits; the low ones, which nearly all are, are kept."""

    def __missing__(self, epoch: int) -> str:
        text = epoch.to_bytes(4, "little").hex()
        if epoch < _LOW:
            self[epoch] = text
        return text


_LOW = 256
_EPOCHS = _Epochs()

Taken = tuple[bytes, int, int]
"""(run: 16 bytes of id and 4 of epoch, lease_ms, timeout_ms)"""


def run_key(packed: bytes) -> RunKey:
    id, epoch = _GONE.unpack(packed)
    return id.hex(), epoch


class FrameReader:
    """Cuts a byte stream into messages and calls the matching handler for each."""

    def __init__(
        self,
        on_message: Callable[[Message], None],
        on_taken: Callable[[list[Taken], float], None] | None = None,
        on_gone: Callable[[list[bytes]], None] | None = None,
    ) -> None:
        self._buffer = bytearray()
        self._on_message = on_message
        self._on_taken = on_taken
        self._on_gone = on_gone

    def feed(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= _HEAD.size:
            size, tag = _HEAD.unpack_from(buffer, at)
            if size > MAX_FRAME:
                raise ValueError(f"a frame of {size} bytes is above the limit of {MAX_FRAME}")
            end = at + _HEAD.size + size
            if len(buffer) < end:
                break
            self._deliver(tag, bytes(buffer[at + _HEAD.size : end]))
            at = end
        del buffer[:at]

    def _deliver(self, tag: int, body: bytes) -> None:
        if tag == _TAG_MESSAGE:
            self._on_message(_decode(body))
        elif tag == _TAG_TAKEN and self._on_taken is not None:
            limits = _LIMITS.unpack_from
            runs = [(body[i : i + 20], *limits(body, i + 20)) for i in range(_SENT_AT.size, len(body), _TAKEN.size)]
            self._on_taken(runs, _SENT_AT.unpack_from(body)[0])
        elif tag == _TAG_GONE and self._on_gone is not None:
            self._on_gone([body[i : i + 20] for i in range(0, len(body), _GONE.size)])
