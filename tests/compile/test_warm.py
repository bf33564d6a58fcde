"""Warm caches: made once and whole, readable for everybody, and used only where they fit."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from abaca_compile.drivers import drivers
from abaca_compile.drivers.managed import go_module
from abaca_compile.errors import CompileError
from abaca_compile.model import Compilation, Environment, Family, Language, Mode
from abaca_compile.warm import HEADERS, Warm
from tests.compile.toolbox import GCC, GPP, compilation

MAKES_HEADER = '#!/bin/sh\necho made >>"$(dirname "$0")/calls"\nwhile [ $# -gt 1 ]; do shift; done\necho header >"$1"\n'
FILLS_CACHE = '#!/bin/sh\nmkdir -p "$GOCACHE/00"\numask 077\necho object >"$GOCACHE/00/a"\n'
GO = msgspec.structs.replace(
    GCC, id="go-1.27", language=Language.GO, family=Family.GO, version="1.27.3", modes=(Mode.COMPILE,)
)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def compiler(place: Path, text: str, environment: Environment) -> Environment:
    path = place / "compiler"
    path.write_text(text)
    path.chmod(0o755)
    return msgspec.structs.replace(environment, executable=str(path), fingerprint="ab" * 32)


def argv(warm: Warm, asked: Compilation, environment: Environment) -> tuple[str, ...]:
    plan = drivers()[environment.family].plan(asked, environment)
    used = warm.used_by(plan, asked, environment)
    assert len(used.mounts) == (used is not plan)
    return used.argv


async def test_a_header_is_made_once_and_used_by_those_that_include_it(place: Path) -> None:
    # Given
    environment = compiler(place, MAKES_HEADER, GPP)
    warm = Warm(place / "warm")
    including = compilation(b"#include <iostream>\n", environment, "main.cpp")
    before = argv(warm, including, environment)
    # When
    for _ in range(2):
        assert await warm.prepare(environment, standards=["c++17"])
    # Then
    after = argv(warm, including, environment)
    assert (place / "calls").read_text() == "made\n" * len(HEADERS)
    assert before == (after[0], *after[3:])
    assert [(Path(after[2]) / f"{header}.gch").read_text() for header in HEADERS] == ["header\n"] * len(HEADERS)
    assert argv(warm, compilation(b"int x;\n", environment, "main.cpp"), environment) == before
    other_standard = msgspec.structs.replace(including, standard="c++20")
    assert "-isystem" not in argv(warm, other_standard, environment)
    rebuilt = msgspec.structs.replace(environment, fingerprint="cd" * 32)
    assert "-isystem" not in argv(warm, including, rebuilt)


async def test_a_cache_is_open_to_readers_and_closed_to_writers(place: Path) -> None:
    # Given
    environment = compiler(place, FILLS_CACHE, GO)
    warm = Warm(place / "warm")
    # When
    await warm.prepare(environment)
    # Then
    (cache,) = (place / "warm").iterdir()
    modes = {path.relative_to(cache).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in cache.rglob("*")}
    assert modes == {"00": 0o755, "00/a": 0o644}
    asked = compilation(b"package main\n", environment, "main.go")
    plan = drivers()[Family.GO].plan(asked, environment)
    assert warm.used_by(plan, asked, environment).env["GOCACHE"] == str(cache)


async def test_a_compiler_that_fails_leaves_nothing_behind(place: Path) -> None:
    environment = compiler(place, "#!/bin/sh\necho no room; exit 1\n", GPP)
    with pytest.raises(CompileError, match="no room"):
        await Warm(place / "warm").prepare(environment, standards=["c++17"])
    assert not [path for path in (place / "warm").rglob("*") if path.is_file() or path.name.startswith(".")]


async def test_a_compiler_without_such_a_cache_is_left_alone(place: Path) -> None:
    assert not await Warm(place / "warm").prepare(compiler(place, "", GCC))
    assert not (place / "warm").exists()


async def test_a_compiler_that_was_moved_does_not_use_the_cache_of_its_old_place(place: Path) -> None:
    # Given a cache that names the place of the compiler's own library, as Go's does
    for folder in ("old", "new"):
        (place / folder).mkdir()
    old, new = (compiler(place / folder, FILLS_CACHE, GO) for folder in ("old", "new"))
    warm = Warm(place / "warm")
    assert await warm.prepare(old)
    asked = compilation(b"package main\n", old, "main.go")
    plan = drivers()[Family.GO].plan(asked, new)
    # When the same binary stands elsewhere
    used = warm.used_by(plan, asked, new)
    # Then it has none, until one of its own is made
    assert used is plan
    assert await warm.prepare(new)
    assert warm.used_by(plan, asked, new) is not plan


@pytest.mark.parametrize(("version", "said"), [("1.19.8", "1.19"), ("1.24.2", "1.24"), ("1.20", "1.20")])
def test_a_module_names_a_version_that_every_go_reads(version: str, said: str) -> None:
    assert go_module(version).splitlines() == ["module main", "", f"go {said}"]
