"""From what the sandbox saw to a result: limits first, then signals, then what the compiler decided."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from abaca_compile.diagnostics import Sources, clean, read
from abaca_compile.drivers import Plan
from abaca_compile.model import (
    Artifact,
    Compilation,
    CompileOutcome,
    Diagnostic,
    Environment,
    Result,
    RunOutcome,
    RunResult,
    Timings,
    Truncated,
    Usage,
    UsedEnvironment,
    counted,
)
from abaca_sandbox import End, Outcome

_LIMITS: Mapping[End, tuple[CompileOutcome, str]] = {
    End.WALL_LIMIT: (CompileOutcome.TIMEOUT, "wall"),
    End.CPU_LIMIT: (CompileOutcome.TIMEOUT, "cpu"),
    End.MEMORY_LIMIT: (CompileOutcome.MEMORY_LIMIT, "memory"),
    End.OUTPUT_LIMIT: (CompileOutcome.OUTPUT_LIMIT, "output"),
    End.FILE_LIMIT: (CompileOutcome.OUTPUT_LIMIT, "file"),
    End.PROCESS_LIMIT: (CompileOutcome.PROCESS_LIMIT, "processes"),
}
_CHILD_DIED = "signal terminated program"


def assembled(compilation: Compilation, environment: Environment, plan: Plan, outcome: Outcome) -> Result:
    """The result of one run of a compiler."""
    reading, stdout = read(environment.diagnostics, outcome.stdout, outcome.stderr, Sources(compilation.files))
    verdict, limit = _verdict(plan, outcome, reading.diagnostics)
    wall_ms = round(outcome.usage.wall_ms)
    duration = round(outcome.usage.wall_ms * 1_000_000)
    return Result(
        status=verdict.status,
        outcome=verdict,
        success=verdict.is_answer,
        compiled=verdict is CompileOutcome.COMPILED,
        mode=compilation.mode,
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        limit=limit,
        stdout=stdout,
        stderr=reading.text,
        raw=reading.raw,
        truncated=_truncated(outcome),
        diagnostics=reading.diagnostics,
        counts=counted(reading.diagnostics),
        environment=used(compilation, environment, plan),
        timings=Timings(compile_ms=wall_ms, duration=duration),
        duration=duration,
        usage=_usage(outcome),
        artifact=_artifact(plan, outcome) if verdict is CompileOutcome.COMPILED else None,
        error=_error(verdict, limit, outcome),
    )


def ran(outcome: Outcome) -> RunResult:
    """What the built program did."""
    met = _LIMITS.get(outcome.end)
    if met is not None:
        ended = RunOutcome(met[0].value)
    elif outcome.end is End.SANDBOX_ERROR:
        ended = RunOutcome.SANDBOX_ERROR
    else:
        ended = RunOutcome.EXITED if outcome.end is End.EXITED else RunOutcome.CRASHED
    return RunResult(
        outcome=ended,
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        limit=met[1] if met else None,
        stdout=clean(outcome.stdout),
        stderr=clean(outcome.stderr),
        truncated=_truncated(outcome),
        usage=_usage(outcome),
        wall_ms=round(outcome.usage.wall_ms),
    )


def used(compilation: Compilation, environment: Environment, plan: Plan) -> UsedEnvironment:
    return UsedEnvironment(
        id=environment.id,
        language=environment.language,
        compiler=environment.compiler,
        version=environment.version,
        standard=compilation.standard,
        command=tuple(text if "\n" not in text else "..." for text in plan.argv),
        flags=compilation.flags,
    )


def _verdict(plan: Plan, outcome: Outcome, diagnostics: tuple[Diagnostic, ...]) -> tuple[CompileOutcome, str | None]:
    if outcome.end in _LIMITS:
        return _LIMITS[outcome.end]
    if outcome.end is End.SANDBOX_ERROR:
        return CompileOutcome.SANDBOX_ERROR, None
    if outcome.end is End.SIGNALLED:
        return CompileOutcome.CRASHED, None
    if outcome.exit_code == 0:
        return CompileOutcome.COMPILED, None
    # The compiler's parts met a limit, and its driver lived on to say that something is wrong.
    for end, met in _LIMITS.items():
        if end in outcome.touched:
            return met
    if outcome.exit_code in plan.exhausted:
        return CompileOutcome.MEMORY_LIMIT, "memory"
    if outcome.exit_code in plan.crashes or any(_CHILD_DIED in said.message and not said.file for said in diagnostics):
        return CompileOutcome.CRASHED, None
    return CompileOutcome.REJECTED, None


def _artifact(plan: Plan, outcome: Outcome) -> Artifact | None:
    content = outcome.collected.get(plan.artifact) if plan.artifact else None
    if plan.artifact is None or content is None:
        return None
    return Artifact(sha256=hashlib.sha256(content).hexdigest(), size=len(content), kind=plan.kind, name=plan.artifact)


def _error(verdict: CompileOutcome, limit: str | None, outcome: Outcome) -> str | None:
    """What happened, for a person, where it is no answer about the source."""
    if verdict.is_answer:
        return None
    if verdict is CompileOutcome.SANDBOX_ERROR:
        return f"the compiler could not be started: {outcome.reason}"
    if verdict is CompileOutcome.CRASHED:
        how = f"signal {outcome.signal}" if outcome.signal else f"exit code {outcome.exit_code}"
        return f"the compiler broke down on this source ({how})"
    return f"the compiler was stopped: it met the limit of {limit}"


def _truncated(outcome: Outcome) -> Truncated:
    is_longer = len(outcome.stderr) >= len(outcome.stdout)
    return Truncated(stdout=outcome.truncated and not is_longer, stderr=outcome.truncated and is_longer)


def _usage(outcome: Outcome) -> Usage:
    return Usage(cpu_ms=round(outcome.usage.cpu_ms), max_rss_kb=outcome.usage.max_rss >> 10)
