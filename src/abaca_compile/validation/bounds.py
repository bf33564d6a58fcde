"""Limits: what a submission asks for, held within what the server allows."""

from __future__ import annotations

import msgspec

from abaca_compile.errors import ValidationError
from abaca_compile.model import CompileLimits, GivenLimits, GivenRun, RunPlan
from abaca_compile.model.base import Value

_RUN = RunPlan().limits
_ASKED = ("wall_ms", "cpu_ms", "memory_mb", "output_kb")
_LEAST = {"wall_ms": 100, "cpu_ms": 100, "memory_mb": 16, "output_kb": 1}
MOST_STDIN = 1 << 20
MOST_ARGUMENTS = 64


class Bounds(Value, frozen=True, kw_only=True):
    """The server's limits: what holds without a word, and the most that may be asked for."""

    default: CompileLimits = CompileLimits()
    most: CompileLimits = CompileLimits(wall_ms=60_000, cpu_ms=60_000, memory_mb=2048, output_kb=4096)
    run_default: CompileLimits = _RUN
    run_most: CompileLimits = msgspec.structs.replace(
        _RUN, wall_ms=10_000, cpu_ms=10_000, memory_mb=512, output_kb=1024
    )
    may_run: bool = True

    def limits(self, given: GivenLimits) -> CompileLimits:
        """Raises ``ValidationError`` for a limit outside the server's."""
        return _within(given, self.default, self.most, "limits")

    def run(self, given: GivenRun) -> RunPlan | None:
        """How to run the program; ``None`` where that is not asked for. Raises ``ValidationError``."""
        if not given.enabled:
            return None
        if not self.may_run:
            raise ValidationError("run.enabled", "this server compiles and runs no programs")
        stdin = given.stdin.encode(errors="replace")
        if len(stdin) > MOST_STDIN:
            raise ValidationError("run.stdin", f"it has {len(stdin):,} bytes, and {MOST_STDIN:,} are possible")
        if len(given.args) > MOST_ARGUMENTS or any("\0" in text or len(text) > 4096 for text in given.args):
            raise ValidationError(
                "run.args", f"give at most {MOST_ARGUMENTS} texts of up to 4096 characters without NUL"
            )
        limits = _within(given, self.run_default, self.run_most, "run")
        return RunPlan(stdin=stdin, args=given.args, limits=limits)


def _within(given: GivenLimits | GivenRun, default: CompileLimits, most: CompileLimits, where: str) -> CompileLimits:
    asked: dict[str, int] = {}
    for name in _ASKED:
        value = getattr(given, name)
        if value is None:
            continue
        least, top = _LEAST[name], getattr(most, name)
        if not least <= value <= top:
            raise ValidationError(f"{where}.{name}", f"{value} was given; this server takes {least} to {top:,}")
        asked[name] = value
    return msgspec.structs.replace(default, **asked) if asked else default
