"""The corpus: for every compiler that is here the verdict is the bare compiler's, and the first message as stated."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path
from typing import Any

import pytest

from abaca_compile.catalogue import Catalogue
from abaca_compile.engine import Engine
from abaca_compile.model import (
    Compilation,
    CompileOutcome,
    Diagnostic,
    Environment,
    Family,
    GivenFile,
    GivenLimits,
    Language,
    Mode,
    Result,
    Submission,
)
from tests.compile import plain

CORPUS = Path(__file__).parent / "corpus"
INDEX: list[dict[str, Any]] = tomllib.loads((CORPUS / "index.toml").read_text())["program"]
FAMILIES = sorted(
    {(program["files"][0].split("/")[0], family) for program in INDEX for family in Family if family in program}
)
AT_ONCE = 2
PATIENT = GivenLimits(wall_ms=60_000, cpu_ms=60_000)  # the machine is busy


def test_the_corpus_is_large_and_every_file_is_used() -> None:
    used = {file for program in INDEX for file in program["files"]}
    there = {str(path.relative_to(CORPUS)) for path in CORPUS.rglob("*.*") if path.name != "index.toml"}
    assert len({program["id"] for program in INDEX}) == len(INDEX) >= 60
    assert used == there


@pytest.mark.timeout(180)  # a cold cache of a compiler, and two busy cores
@pytest.mark.parametrize(("language", "family"), FAMILIES)
async def test_the_verdict_is_the_bare_compilers(
    engine: Engine, catalogue: Catalogue, language: str, family: Family
) -> None:
    # Given
    environment = newest(catalogue, Language(language), family)
    programs = [program for program in INDEX if family in program and program["files"][0].startswith(f"{language}/")]
    turn = asyncio.Semaphore(AT_ONCE)

    async def tried(program: dict[str, Any]) -> list[str]:
        async with turn:
            compilation = compilation_of(program, environment, engine)
            # When
            result = await engine.compile(compilation)
            bare = await plain.accepts(compilation, environment)
            # Then
            return [f"{program['id']}: {wrong}" for wrong in differences(program, family, result, accepts=bare)]

    wrong = await asyncio.gather(*(tried(program) for program in programs))
    assert not [line for lines in wrong for line in lines]


def newest(catalogue: Catalogue, language: Language, family: Family) -> Environment:
    known = [environment for environment in catalogue.of(language) if environment.family is family]
    if not known:
        pytest.skip(f"no {family} for {language} on this machine")
    usable = [environment for environment in known if environment.available]
    if not usable:
        pytest.skip(f"{known[0].id}: {known[0].reason}")
    return usable[0]


def compilation_of(program: dict[str, Any], environment: Environment, engine: Engine) -> Compilation:
    submission = Submission(
        files=tuple(
            GivenFile(name=file.split("/", 1)[1], content=(CORPUS / file).read_text()) for file in program["files"]
        ),
        environment=environment.id,
        mode=Mode(program.get("mode", Mode.COMPILE)),
        standard=program.get("standard"),
        flags=tuple(program.get("flags", ())),
        limits=PATIENT,
    )
    (compilation,) = engine.accept(submission)
    return compilation


def differences(program: dict[str, Any], family: Family, result: Result, *, accepts: bool) -> list[str]:
    wrong = []
    if result.outcome != program["verdict"]:
        wrong.append(f"{result.outcome}, not {program['verdict']}: {result.error or result.stderr}")
    if accepts != (result.outcome is CompileOutcome.COMPILED):
        wrong.append(f"the bare compiler {'accepts' if accepts else 'refuses'} it")
    first = result.diagnostics[0] if result.diagnostics else None
    stated = program[family]
    if (first is None) != (not stated):
        wrong.append(f"the first message is {first}")
    elif first is not None:
        wrong += [
            f"{name} is {seen(first, name)!r}, not {value!r}"
            for name, value in stated.items()
            if is_other(first, name, value)
        ]
    return wrong


def is_other(first: Diagnostic, name: str, value: object) -> bool:
    found = seen(first, name)
    return not found.startswith(value) if name == "message" and isinstance(value, str) else found != value


def seen(first: Diagnostic, name: str) -> Any:
    return len(first.fixits) if name == "fixits" else getattr(first, name)
