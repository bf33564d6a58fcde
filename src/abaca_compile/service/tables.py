"""A matrix as a table: one row for each compilation."""

from __future__ import annotations

from abaca_compile.model import Built, CompileOutcome, CompileStatus, Counts, Diagnostic, Result
from abaca_compile.model.base import Value

_LONGEST = 500


class Row(Value, frozen=True, kw_only=True):
    """``first`` is the first error, else the first message. ``duration`` is the compiler's time in nanoseconds."""

    index: int
    job_id: str | None = None
    environment: str | None = None
    standard: str | None = None
    status: CompileStatus = CompileStatus.QUEUED
    outcome: CompileOutcome | None = None
    compiled: bool | None = None
    exit_code: int | None = None
    counts: Counts = Counts()
    first: str | None = None
    duration: int | None = None
    cached: bool | None = None
    error: str | None = None


class Table(Value, frozen=True, kw_only=True):
    """``rows`` in the order that was asked for."""

    rows: tuple[Row, ...]


def row_of(index: int, built: Built | None) -> Row:
    """A row; one of a compilation that came to no verdict says so."""
    if built is None:
        return Row(index=index, status=CompileStatus.ERROR, error="it came to no verdict; its job says why")
    return row_of_result(index, built.result)


def row_of_result(index: int, result: Result) -> Row:
    used = result.environment
    return Row(
        index=index,
        job_id=result.job_id,
        environment=None if used is None else used.id,
        standard=None if used is None else used.standard,
        status=result.status,
        outcome=result.outcome,
        compiled=result.compiled,
        exit_code=result.exit_code,
        counts=result.counts,
        first=_first(result.diagnostics),
        duration=result.duration,
        cached=None if result.cache is None else result.cache.hit,
        error=result.error,
    )


def _first(diagnostics: tuple[Diagnostic, ...]) -> str | None:
    telling = [each for each in diagnostics if each.severity.is_error] or list(diagnostics)
    return telling[0].message[:_LONGEST] if telling else None
