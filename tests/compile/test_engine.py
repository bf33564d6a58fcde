"""One compilation after another in the sandbox: how each can end, and what its result then holds."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from abaca_compile.catalogue import Catalogue
from abaca_compile.engine import Engine
from abaca_compile.errors import Unsandboxed
from abaca_compile.model import (
    CompileOutcome,
    CompileStatus,
    Environment,
    Family,
    GivenFile,
    GivenLimits,
    GivenRun,
    Language,
    Mode,
    RunOutcome,
    Submission,
)
from tests.compile.toolbox import CATALOGUE, compilation

LOOP = "int main(void) { for (;;) {} }\n"
FOREVER = """
constexpr unsigned long long spin(unsigned long long n) {
    for (unsigned long long i = 0; i < n; ++i) n += i & 1;
    return n;
}
static_assert(spin(1ull << 62) > 0);
"""


SUM = """
#include <stdio.h>
int main(int count, char **words) {
    int n = 0;
    scanf("%d", &n);
    printf("%s %d", words[count - 1], n + 1);
    return 7;
}
"""


@pytest.fixture
def gcc(catalogue: Catalogue) -> Environment:
    found = [environment for environment in catalogue.of(Language.C) if environment.family is Family.GCC]
    return found[0] if found else pytest.skip("no gcc on this machine")


async def test_a_program_is_compiled_linked_and_run_apart(engine: Engine, gcc: Environment) -> None:
    source = SUM
    run = GivenRun(enabled=True, stdin="41", args=("sum",))
    built = await engine.build(Submission(source_code=source, environment=gcc.id, run=run))
    result = built.result
    assert (result.status, result.outcome, result.compiled, result.success) == ("completed", "compiled", True, True)
    assert result.run is not None
    assert (result.run.outcome, result.run.exit_code, result.run.stdout) == (RunOutcome.EXITED, 7, "sum 42")
    assert built.artifact is not None
    assert result.artifact is not None
    assert result.artifact.sha256 == hashlib.sha256(built.artifact).hexdigest()
    assert (result.artifact.kind, result.artifact.size) == ("elf", len(built.artifact))
    assert result.environment is not None
    assert result.environment.command[0] == gcc.executable
    assert result.duration is not None
    assert result.usage is not None


async def test_a_program_that_does_not_compile_is_an_answer(engine: Engine, gcc: Environment) -> None:
    result = await engine.compile(Submission(source_code="int x = y;\n", environment=gcc.id))
    assert (result.status, result.outcome, result.compiled, result.success) == ("failed", "rejected", False, True)
    assert (result.exit_code, result.counts.error, result.artifact, result.error) == (1, 1, None, None)
    assert "main.c:1:9: error:" in (result.stderr or "")
    assert (result.raw or "").startswith("[{")


async def test_what_a_program_does_has_limits_of_its_own(engine: Engine, gcc: Environment) -> None:
    run = GivenRun(enabled=True, wall_ms=500, cpu_ms=300)
    result = await engine.compile(Submission(source_code=LOOP, environment=gcc.id, run=run))
    assert result.outcome is CompileOutcome.COMPILED
    assert result.run is not None
    assert result.run.outcome is RunOutcome.TIMEOUT
    assert result.run.limit in ("cpu", "wall")


async def test_a_program_that_dies_of_a_signal_is_told_apart(engine: Engine, gcc: Environment) -> None:
    source = "#include <stdlib.h>\nint main(void) { abort(); }\n"
    result = await engine.compile(Submission(source_code=source, environment=gcc.id, run=GivenRun(enabled=True)))
    assert result.run is not None
    assert (result.run.outcome, result.run.signal) == (RunOutcome.CRASHED, 6)


@pytest.mark.parametrize(
    ("source", "language", "limits", "outcome", "limit"),
    [
        ('#include "/dev/zero"\n', "c", GivenLimits(memory_mb=128), CompileOutcome.MEMORY_LIMIT, {"memory"}),
        (FOREVER, "cpp", GivenLimits(cpu_ms=500, wall_ms=4000), CompileOutcome.TIMEOUT, {"cpu", "wall"}),
        ("#warning x\n" * 5000, "c", GivenLimits(output_kb=16), CompileOutcome.OUTPUT_LIMIT, {"output"}),
        # What met the limit is a grandchild, the assembler: gcc says that it broke, and so do we.
        ("char a[3ull << 30] = {1};\n", "c", GivenLimits(memory_mb=2048), CompileOutcome.CRASHED, {None}),
    ],
    ids=["memory", "time", "output", "file"],
)
async def test_a_limit_is_a_limit_and_never_a_verdict(
    engine: Engine,
    gcc: Environment,
    source: str,
    language: str,
    limits: GivenLimits,
    outcome: CompileOutcome,
    limit: set[str | None],
) -> None:
    submission = Submission(source_code=source, language=language, compiler=gcc.compiler, limits=limits)
    result = await engine.compile(submission)
    assert (result.outcome, result.success, result.compiled) == (outcome, False, False)
    assert result.limit in limit
    assert result.status is (CompileStatus.TIMEOUT if outcome is CompileOutcome.TIMEOUT else CompileStatus.FAILED)
    assert result.error


async def test_files_of_the_machine_are_not_there(engine: Engine, gcc: Environment, tmp_path: Path) -> None:
    secret = tmp_path / "secret.h"
    secret.write_text("a secret\n")
    source = f'#include "{secret}"\n#include "/etc/hostname"\n__asm__(".incbin \\"/etc/passwd\\"");\n'
    result = await engine.compile(Submission(source_code=source, environment=gcc.id))
    assert result.outcome is CompileOutcome.REJECTED
    assert "a secret" not in (result.stderr or "") + (result.raw or "")


async def test_several_files_find_each_other(engine: Engine, gcc: Environment) -> None:
    files = (
        GivenFile(name="main.c", content='#include "in/side.h"\nint main(void) { return side(); }\n'),
        GivenFile(name="in/side.h", content="int side(void);\n"),
        GivenFile(name="in/side.c", content="int side(void) { return 0; }\n"),
    )
    result = await engine.compile(Submission(files=files, environment=gcc.id, mode=Mode.LINK))
    assert (result.outcome, result.artifact is not None) == (CompileOutcome.COMPILED, True)


def test_without_a_sandbox_nothing_is_compiled() -> None:
    with pytest.raises(Unsandboxed, match="ABACA_COMPILE_ALLOW_UNSANDBOXED"):
        Engine(None, CATALOGUE)


async def test_without_a_sandbox_the_operator_may_insist(
    catalogue: Catalogue, gcc: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine(None, catalogue, allow_unsandboxed=True)
    assert "WITHOUT a sandbox" in caplog.text
    right = await engine.compile(compilation(b"int main(void) { return 0; }\n", gcc))
    wrong = await engine.compile(compilation(b"int main(void) { return y; }\n", gcc))
    late = await engine.compile(
        Submission(source_code=LOOP, environment=gcc.id, run=GivenRun(enabled=True, wall_ms=300, cpu_ms=10_000))
    )
    assert (right.outcome, wrong.outcome) == (CompileOutcome.COMPILED, CompileOutcome.REJECTED)
    assert late.run is not None
    assert late.run.outcome is RunOutcome.TIMEOUT
