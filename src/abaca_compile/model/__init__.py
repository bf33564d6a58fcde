"""The values of the compile service.

Units: a field that ends in ``_ms`` is a time in milliseconds, in ``_mb`` a size in units of 1024 * 1024 bytes, in
``_kb`` in units of 1024 bytes. Lines and columns count from 1; columns count characters.
"""

from abaca_compile.model.diagnostics import Counts, Diagnostic, FixIt, Severity, Stage, counted
from abaca_compile.model.environments import ALIASES, Environment, Family, Format, Language, Mode, Provider
from abaca_compile.model.requests import (
    CachePolicy,
    Compilation,
    CompileLimits,
    GivenFile,
    GivenLimits,
    GivenRun,
    RunPlan,
    SourceFile,
    Submission,
)
from abaca_compile.model.results import (
    Artifact,
    Built,
    CacheUse,
    CompileOutcome,
    CompileStatus,
    Result,
    RunOutcome,
    RunResult,
    Timings,
    Truncated,
    Usage,
    UsedEnvironment,
)

__all__ = [
    "ALIASES",
    "Artifact",
    "Built",
    "CachePolicy",
    "CacheUse",
    "Compilation",
    "CompileLimits",
    "CompileOutcome",
    "CompileStatus",
    "Counts",
    "Diagnostic",
    "Environment",
    "Family",
    "FixIt",
    "Format",
    "GivenFile",
    "GivenLimits",
    "GivenRun",
    "Language",
    "Mode",
    "Provider",
    "Result",
    "RunOutcome",
    "RunPlan",
    "RunResult",
    "Severity",
    "SourceFile",
    "Stage",
    "Submission",
    "Timings",
    "Truncated",
    "Usage",
    "UsedEnvironment",
    "counted",
]
