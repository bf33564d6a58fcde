"""The key of a compilation: equal where the compiler would decide the same, and different elsewhere."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from abaca_compile.keys import content_key, may_keep
from abaca_compile.model import (
    Compilation,
    CompileLimits,
    CompileOutcome,
    Mode,
    Result,
    RunPlan,
    SourceFile,
    Truncated,
)
from tests.compile.toolbox import GCC, compilation

ONE = compilation()


def changed(**fields: Any) -> Compilation:
    return msgspec.structs.replace(ONE, **fields)


def test_the_same_content_has_the_same_key() -> None:
    two = (SourceFile(name="a.c", content=b"1"), SourceFile(name="b.c", content=b"2"))
    assert content_key(changed(files=two), GCC) == content_key(changed(files=two[::-1]), GCC)
    renamed = msgspec.structs.replace(GCC, id="gcc-12@image", executable="/opt/gcc")
    assert content_key(changed(environment="gcc-12@image"), renamed) == content_key(ONE, GCC)
    faster = changed(limits=CompileLimits(wall_ms=1000, cpu_ms=1000, memory_mb=64))
    assert content_key(faster, GCC) == content_key(ONE, GCC)


@pytest.mark.parametrize(
    "fields",
    [
        {"files": (SourceFile(name="main.c", content=b"int y;\n"),)},
        {"files": (SourceFile(name="other.c", content=b"int x;\n"),), "entry": "other.c"},
        {"standard": "c11"},
        {"flags": ("-Wall",)},
        {"mode": Mode.LINK},
        {"limits": CompileLimits(output_kb=1)},
        {"run": RunPlan()},
    ],
)
def test_whatever_changes_the_answer_changes_the_key(fields: dict[str, Any]) -> None:
    assert content_key(changed(**fields), GCC) != content_key(ONE, GCC)


def test_another_binary_is_another_compiler() -> None:
    rebuilt = msgspec.structs.replace(GCC, fingerprint="cd" * 32)
    assert content_key(ONE, rebuilt) != content_key(ONE, GCC)


@pytest.mark.parametrize("outcome", list(CompileOutcome))
def test_only_answers_are_kept(outcome: CompileOutcome) -> None:
    kept = outcome in (CompileOutcome.COMPILED, CompileOutcome.REJECTED)
    assert may_keep(ONE, Result(outcome=outcome)) is kept
    assert not may_keep(changed(run=RunPlan()), Result(outcome=outcome))
    assert not may_keep(ONE, Result(outcome=outcome, truncated=Truncated(stderr=True)))
