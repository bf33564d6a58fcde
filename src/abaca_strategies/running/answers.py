"""What came of a run: the outcome of the sandbox, and an answer that was written beside code that nobody vouches for.

It is taken for numbers and text alone. Whatever is not of the form that was asked for is no answer.
"""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from abaca_sandbox import End, Limits, Outcome
from abaca_strategies.models import MAX_INSTANCES, MAX_POINTS, BacktestResult, ResponseImage, StrategyPlotData
from abaca_strategies.running.work import (
    MAX_PICTURES,
    MAX_PLOTS,
    MAX_PRINTS,
    Answer,
    Failure,
    Reason,
)

T = TypeVar("T")
FILE = "answer.json"
MAX_DEPTH = 64
MAX_WARNINGS = 100
MAX_WORDS = 4_000
LARGEST = 1 << 63
MIB = 1 << 20
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MET: dict[End, Reason] = {
    End.WALL_LIMIT: "timeout",
    End.CPU_LIMIT: "timeout",
    End.MEMORY_LIMIT: "memory_limit",
    End.OUTPUT_LIMIT: "output_limit",
    End.FILE_LIMIT: "file_limit",
    End.PROCESS_LIMIT: "process_limit",
    End.SIGNALLED: "crashed",
}


class SandboxBroken(Exception):
    """The sandbox itself failed. Nothing is known of the code; another try may do."""


class Ran(Struct, Generic[T], frozen=True, kw_only=True):
    """``value`` is None exactly where there is a ``failure``, but for sweeps: the points until it are there."""

    value: T | None
    failure: Failure | None = None
    prints: str = ""
    plots: list[StrategyPlotData] = []
    images: list[ResponseImage] = []
    warnings: list[str] = []
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory: int = 0
    """The highest that was seen, in bytes."""


class Envelope(Struct, Generic[T], frozen=True):
    answer: Answer
    value: T | None = None


def ran_of(
    outcome: Outcome, limits: Limits, kind: type[T], *, prints: int = MAX_PRINTS, plots: int = MAX_PLOTS
) -> Ran[T]:
    """Raises ``SandboxBroken`` where nobody can say what the code did."""
    if outcome.end is End.SANDBOX_ERROR:
        raise SandboxBroken(f"the sandbox failed: {outcome.reason}")
    value, failure, answer = None, _ended(outcome, limits), Answer()
    if failure is None:
        try:
            envelope = _decoded(outcome.collected[FILE], kind)
            value, answer = envelope.value, envelope.answer
            failure = answer.failure
            if value is None and failure is None:
                raise ValueError("there is no value")
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            value, answer, failure = None, Answer(), _lie(error)
    return Ran(
        value=None if failure is not None else value,
        failure=failure and _cut(failure),
        prints=cleaned(outcome.stderr[:prints].decode(errors="replace")),
        plots=answer.plots[:plots],
        images=answer.images[:plots],
        warnings=cut_all(answer.warnings),
        seconds=outcome.usage.wall_ms / 1000,
        cpu_seconds=outcome.usage.cpu_ms / 1000,
        memory=outcome.usage.max_rss,
    )


def _ended(outcome: Outcome, limits: Limits) -> Failure | None:
    """The reason where the code did not come to its end."""
    if outcome.end in _MET:
        reason = _MET[outcome.end]
        words = {
            "timeout": f"the code was not done after {limits.wall:g} s",
            "memory_limit": f"the code took more than {limits.memory // MIB} MiB of memory",
            "output_limit": f"the code wrote more than {limits.output // MIB} MiB",
            "file_limit": "the code wrote more files than there is room for",
            "process_limit": f"the code started more than {limits.processes} processes or threads",
            "crashed": f"the code crashed the interpreter (signal {outcome.signal})",
        }
        return Failure(reason=reason, message=words[reason])
    if FILE in outcome.collected:
        return None
    if outcome.not_collected.get(FILE) == "too large":
        return Failure(reason="too_large", message="the answer is larger than is kept")
    for met in (End.MEMORY_LIMIT, End.FILE_LIMIT, End.PROCESS_LIMIT):
        if met in outcome.touched:
            return Failure(reason=_MET[met], message=f"the code met the limit {met.value} and left no answer")
    return Failure(reason="crashed", message=f"the code ended the interpreter (exit status {outcome.exit_code})")


def _decoded(content: bytes, kind: type[T]) -> Envelope[T]:
    envelope: Envelope[T] = msgspec.json.decode(content, type=Envelope[kind])  # type: ignore[valid-type]
    require_sound(msgspec.to_builtins(envelope))
    answer = envelope.answer
    if sum(len(one.data) for one in answer.images) > MAX_PICTURES or any(one.format != "png" for one in answer.images):
        raise ValueError("the images are not what is kept")
    if isinstance(envelope.value, BacktestResult):
        _require_fitting(envelope.value)
    return envelope


def require_sound(value: Any, depth: int = 0) -> None:
    """Raises ``ValueError`` for a number or a nesting that not everybody who reads it later can hold."""
    if depth > MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict):
        for key, one in value.items():
            key.encode()
            require_sound(one, depth + 1)
    elif isinstance(value, list | tuple):
        for one in value:
            require_sound(one, depth + 1)
    elif isinstance(value, str):
        value.encode()  # a lone surrogate has no UTF-8
    elif isinstance(value, int):
        if not -LARGEST <= value < LARGEST:
            raise ValueError("a whole number has more than 64 bits")
    elif isinstance(value, float) and value - value != 0:
        raise ValueError("a number is not finite")


def _require_fitting(result: BacktestResult) -> None:
    """A back-test that contradicts itself was not made by the engine."""
    summary = result.summary
    counts = (summary.total_instances, summary.positive_instances, summary.symbols_processed, result.trades_total)
    fits = (
        result.success
        and result.error_message is None
        and min(counts) >= 0
        and summary.positive_instances <= summary.total_instances
        and len(result.instances) <= min(MAX_INSTANCES, summary.total_instances)
        and len(result.trades) <= min(MAX_POINTS, result.trades_total)
        and len(result.equity_curve) <= min(MAX_POINTS, result.equity_points)
        and len(result.metrics) <= MAX_WARNINGS
        and len(result.drawdowns) <= MAX_WARNINGS
    )
    if not fits:
        raise ValueError("it contradicts itself")


def _lie(error: Exception) -> Failure:
    return Failure(reason="bad_answer", message=f"what came out is not what was asked for: {error}"[:1000])


def _cut(failure: Failure) -> Failure:
    return msgspec.structs.replace(
        failure,
        message=cleaned(failure.message[:MAX_WORDS]),
        error_type=cleaned(failure.error_type[:100]),
        frames=failure.frames[:20],
    )


def cut_all(words: list[str]) -> list[str]:
    return [cleaned(one[:500]) for one in words[:MAX_WARNINGS]]


def cleaned(words: str) -> str:
    """Without what steers a terminal."""
    return _CONTROLS.sub("", words)
