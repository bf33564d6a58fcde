"""Precompiled headers change how long g++ takes, and nothing that it says or makes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca_compile.catalogue import Catalogue
from abaca_compile.engine import Engine
from abaca_compile.model import Built, Environment, Family, GivenFile, Language, Submission
from abaca_compile.warm import Warm
from abaca_sandbox import Sandbox
from tests.compile.test_corpus import PATIENT, newest

STANDARD = "gnu++17"
PROGRAMS = {
    "used": "#include <iostream>\n#include <vector>\nint main() { std::vector<int> v{1}; std::cout << v.size(); }\n",
    "behind a comment": "// a\n\n#include <vector>\nint size(const std::vector<int> &v) { return v.size(); }\n",
    "twice": "#include <vector>\n#include <vector>\nint f() { return 1 }\n",
    "behind code": "int one;\n#include <vector>\nstd::vector<int> v;\n",
    "macro for a keyword": "#define private public\n#include <string>\nint f(std::string s) { return s.size(); }\n",
    "macro for a name": "#define vector array_of\n#include <vector>\nstd::array_of<int> v; std::vector<int> w;\n",
    "macro that headers ask for": "#define _GLIBCXX_DEBUG 1\n#include <vector>\nstd::__cxx1998::vector<int> v;\n",
    "macro inside": "#define _M_impl _M_gone\n#include <vector>\nstruct X : std::vector<int> { X() { _M_gone; } };\n",
    "pragmas": "#pragma pack(1)\n#include <vector>\nstruct Q { char a; int b; }; static_assert(sizeof(Q) == 5);\n",
    "poisoned": "#pragma GCC poison malloc\n#include <vector>\nvoid *p = malloc(1);\n",
    "counter": "#include <vector>\nint z = __COUNTER__ + __INCLUDE_LEVEL__; static_assert(__COUNTER__ == 1);\n",
    "its own header": '#include "vector"\nint x = mine;\n#include <vector>\nstd::vector<int> v;\n',
    "candidates": "#include <iostream>\nstruct P {};\nint main() { P p; std::cout << p; return undeclared; }\n",
    "errors inside": "#include <vector>\nstd::vector<void> v;\nstruct P { P(P &&) = delete; }; std::vector<P> w(3);\n",
    "what was not included": "#include <vector>\nstd::map<int, int> m;\n",
}
FLAGS: tuple[tuple[str, ...], ...] = (
    ("-Wall", "-Wextra", "-Wshadow", "-Wsystem-headers"),
    ("-O2", "-g"),
    ("-fno-exceptions",),
    ("-Dvector=list_of", "-DNDEBUG"),
    ("-Winvalid-pch",),
    ("-nostdinc",),
)


@pytest.fixture
async def warm(catalogue: Catalogue) -> AsyncIterator[Warm]:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        warm = Warm(Path(folder))
        gpp = newest(catalogue, Language.CPP, Family.GCC)
        assert await warm.prepare(gpp, standards=[STANDARD], headers=("iostream", "string", "vector"))
        yield warm


@pytest.mark.timeout(180)
async def test_what_is_said_and_made_is_the_same_with_precompiled_headers(
    sandbox: Sandbox, catalogue: Catalogue, warm: Warm
) -> None:
    gpp = newest(catalogue, Language.CPP, Family.GCC)
    plain, fast = Engine(sandbox, catalogue), Engine(sandbox, catalogue, warm=warm)
    tried = [(name, ()) for name in PROGRAMS] + [
        (name, flags) for name in ("used", "its own header") for flags in FLAGS
    ]
    for name, flags in tried:
        # Given
        asked = submission(gpp, PROGRAMS[name], flags)
        # When
        without, within = await asyncio.gather(plain.build(asked), fast.build(asked))
        # Then
        assert said(within) == said(without), (name, flags)


async def test_the_compiler_takes_them(catalogue: Catalogue, sandbox: Sandbox, warm: Warm) -> None:
    # Given
    gpp = newest(catalogue, Language.CPP, Family.GCC)
    # When
    built = await Engine(sandbox, catalogue, warm=warm).build(submission(gpp, PROGRAMS["used"], ()))
    # Then
    assert built.result.environment is not None
    command = built.result.environment.command
    place = command[command.index("-isystem") + 1]
    assert f"! {place}/iostream.gch" in await asyncio.to_thread(included, gpp, place)


def included(environment: Environment, place: str) -> str:
    argv = [environment.executable, "-H", "-fsyntax-only", f"-std={STANDARD}", "-isystem", place, "-x", "c++", "-"]
    ran = subprocess.run(argv, input=PROGRAMS["used"], capture_output=True, text=True, timeout=50, check=True)
    return ran.stderr


def submission(environment: Environment, source: str, flags: tuple[str, ...]) -> Submission:
    files = (GivenFile(name="main.cpp", content=source), GivenFile(name="vector", content="const int mine = 3;\n"))
    return Submission(files=files, environment=environment.id, standard=STANDARD, flags=flags, limits=PATIENT)


def said(built: Built) -> tuple[object, ...]:
    result = built.result
    return result.outcome, result.exit_code, result.diagnostics, result.stdout, result.stderr, built.artifact
