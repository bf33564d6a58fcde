"""A submission is refused before a job exists, with the field that is wrong, or becomes compilations."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from abaca_compile.errors import EnvironmentUnavailable, UnknownEnvironment, ValidationError
from abaca_compile.model import GivenFile, GivenLimits, GivenRun, Mode, Submission
from abaca_compile.validation import Bounds, accepted
from abaca_compile.validation.flags import check_flags
from tests.compile.toolbox import CATALOGUE, CLANGPP, GCC, RUSTC

CODE = "int main(void) { return 0; }\n"


def file(name: str, content: str = CODE) -> GivenFile:
    return GivenFile(name=name, content=content)


@pytest.mark.parametrize(
    ("given", "environment", "entry", "mode"),
    [
        ({"source_code": CODE, "language": "c"}, "gcc-12", "main.c", Mode.COMPILE),
        ({"code": b64encode(CODE.encode()).decode(), "language": "cpp"}, "g++-12", "main.cpp", Mode.COMPILE),
        ({"source_code": CODE, "language": "C++", "compiler": "clang-14"}, "clang++-14", "main.cpp", Mode.COMPILE),
        ({"source_code": CODE, "environment": "gcc-12"}, "gcc-12", "main.c", Mode.COMPILE),
        ({"source_code": CODE, "environment": "gcc-12", "language": "cpp"}, "g++-12", "main.cpp", Mode.COMPILE),
        ({"source_code": CODE, "environment": "g  -12"}, "g++-12", "main.cpp", Mode.COMPILE),
        ({"source_code": CODE, "filename": "a.cc"}, "g++-12", "a.cc", Mode.COMPILE),
        ({"source_code": CODE, "language": "js"}, "node-20", "main.js", Mode.SYNTAX),
        ({"files": (file("b.h"), file("z.c"), file("a.c"))}, "gcc-12", "z.c", Mode.COMPILE),
        ({"files": (file("z.c"), file("a.c")), "entry": "a.c"}, "gcc-12", "a.c", Mode.COMPILE),
        ({"source_code": CODE, "language": "c", "run": GivenRun(enabled=True)}, "gcc-12", "main.c", Mode.LINK),
        (
            {"source_code": CODE, "language": "c", "architecture": "amd64", "os": "linux"},
            "gcc-12",
            "main.c",
            Mode.COMPILE,
        ),
    ],
)
def test_every_way_to_name_source_and_compiler(given: dict[str, Any], environment: str, entry: str, mode: Mode) -> None:
    (compilation,) = accepted(Submission(**given), CATALOGUE)
    assert (compilation.environment, compilation.entry, compilation.mode) == (environment, entry, mode)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"language": "c"}, "source_code"),
        ({"source_code": CODE, "code": "aa==", "language": "c"}, "code"),
        ({"source_code": "", "language": "c"}, "source_code"),
        ({"code": "no base64!", "language": "c"}, "code"),
        ({"source_code": CODE}, "language"),
        ({"source_code": CODE, "language": "cobol"}, "language"),
        ({"source_code": "x" * ((1 << 20) + 1), "language": "c"}, "source_code"),
        ({"code": b64encode(b"x" * ((1 << 20) + 1)).decode(), "language": "c"}, "code"),
        ({"files": (), "language": "c"}, "files"),
        ({"files": tuple(file(f"f{number}.c") for number in range(51))}, "files"),
        ({"files": (file("a.c", "x" * (1 << 19)), file("b.c", "x" * ((1 << 19) + 1)))}, "files"),
        ({"files": (file("a.c"), file("a.c"))}, "files[1].name"),
        ({"files": (file("a.c"), file("a.c/b.h"))}, "files[0].name"),
        ({"files": (file("a.txt"),), "language": "c"}, "files"),
        ({"files": (file("a.c"),), "entry": "b.c"}, "entry"),
        ({"files": (file("a.c"), file("b.h")), "entry": "b.h"}, "entry"),
        ({"files": (file("a.c"),), "filename": "a.c"}, "filename"),
        ({"source_code": CODE, "language": "c", "filename": "main.cpp"}, "filename"),
        ({"source_code": CODE, "language": "c", "standard": "c++20"}, "standard"),
        ({"source_code": CODE, "language": "js", "standard": "es2020"}, "standard"),
        ({"source_code": CODE, "language": "js", "mode": Mode.LINK}, "mode"),
        ({"source_code": CODE, "language": "c", "mode": "preprocess"}, "mode"),
        ({"source_code": CODE, "language": "c", "flags": ("-Wall", "-o/x")}, "flags[1]"),
        ({"source_code": CODE, "language": "c", "flags": ("-Wall",) * 65}, "flags"),
        ({"source_code": CODE, "language": "c", "architecture": "arm64"}, "architecture"),
        ({"source_code": CODE, "language": "c", "os": "windows"}, "os"),
        ({"source_code": CODE, "language": "c", "limits": GivenLimits(wall_ms=60_001)}, "limits.wall_ms"),
        ({"source_code": CODE, "language": "c", "limits": GivenLimits(memory_mb=0)}, "limits.memory_mb"),
        ({"source_code": CODE, "language": "c", "run": GivenRun(enabled=True, wall_ms=60_000)}, "run.wall_ms"),
        ({"source_code": CODE, "language": "c", "run": GivenRun(enabled=True, args=("\0",))}, "run.args"),
        ({"source_code": CODE, "language": "c", "mode": Mode.SYNTAX, "run": GivenRun(enabled=True)}, "mode"),
        ({"source_code": CODE, "language": "java", "run": GivenRun(enabled=True)}, "run.enabled"),
        ({"source_code": CODE, "compiler": "gcc-12", "environment": "gcc-12"}, "compiler"),
        ({"source_code": CODE, "environments": ("gcc-12", "gcc-12")}, "environments"),
        ({"source_code": CODE, "environments": ("gcc-12", "gcc"), "language": "c"}, "environments[1]"),
        ({"source_code": CODE, "environments": ()}, "environments"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        accepted(Submission(**given), CATALOGUE)
    assert refused.value.field == field
    assert str(refused.value).startswith(f"{field}: ")


BAD_NAMES = """/etc/passwd ../a.c a/../b.c a//b.c ./a.c a/ a\\b.c -o.c a/-I.h @file.c ~/a.c abaca.out abaca.out/a.c"""
BAD_FLAGS = """
-o -oX @options -wrapper -specs=x -B/tmp -fplugin=x.so -Xlinker -include -include/etc/x --sysroot=/ -x -xc++
-Wl,-rpath,/ -Wa,-I/etc -Wp,-MD,x -I/etc -I../x -I.. -Ia/../../x -E -S -c -march=native -save-temps -dumpdir
-fprofile-use=/x -lcrypt -L/x -T/x -D -fuse-ld=/x -ftemplate-depth=1000000 -M -MF/etc/x -idirafter/etc -W main.c /etc/x
"""


@pytest.mark.parametrize("name", [*BAD_NAMES.split(), "", "a\0.c", "a\n.c", "a\x1b[2J.c", "n" * 201 + ".c"])
def test_a_name_stays_in_its_folder_and_is_no_option(name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        accepted(Submission(files=(file("main.c"), file(name))), CATALOGUE)
    assert refused.value.field == "files[1].name"


@pytest.mark.parametrize("flag", [*BAD_FLAGS.split(), "", "-DX=a\nb"])
def test_flags_that_reach_files_or_other_programs_are_refused(flag: str) -> None:
    for environment in (GCC, CLANGPP):
        with pytest.raises(ValidationError, match=r"^flags\[0\]"):
            check_flags([flag], environment)


def test_flags_of_every_day_are_taken() -> None:
    flags = ["-Wall", "-Wextra", "-Werror=int-conversion", "-O2", "-g", "-DN=3", '-DS="a b"', "-UN", "-fno-exceptions"]
    check_flags([*flags, "-Iinclude", "-I.", "-lm", "-pthread", "-m32", "-march=x86-64-v3", "-pedantic-errors"], GCC)
    check_flags(["-Copt-level=3", "-Dwarnings", "-Aclippy::all", "--cfg=fast"], RUSTC)


def test_a_standard_among_the_flags_is_the_standard() -> None:
    (compilation,) = accepted(Submission(source_code=CODE, language="c", flags=("-std=c11", "-Wall")), CATALOGUE)
    assert (compilation.standard, compilation.flags) == ("c11", ("-Wall",))


def test_a_compiler_that_is_not_here_is_refused_with_what_comes_near() -> None:
    with pytest.raises(UnknownEnvironment) as refused:
        accepted(Submission(source_code=CODE, language="cpp", compiler="gcc-13"), CATALOGUE)
    assert refused.value.field == "compiler"
    assert refused.value.near == ("g++-12", "clang++-14")


def test_a_toolchain_that_cannot_be_read_is_refused_with_the_remedy() -> None:
    with pytest.raises(EnvironmentUnavailable, match="cannot read it") as refused:
        accepted(Submission(source_code="fn main() {}", language="rust"), CATALOGUE)
    assert refused.value.remedy == RUSTC.remedy


def test_several_environments_make_several_compilations() -> None:
    made = accepted(Submission(source_code=CODE, environments=("gcc", "clang"), language="cpp"), CATALOGUE)
    assert [compilation.environment for compilation in made] == ["g++-12", "clang++-14"]


def test_a_server_may_forbid_to_run_programs() -> None:
    with pytest.raises(ValidationError, match="runs no programs"):
        accepted(
            Submission(source_code=CODE, language="c", run=GivenRun(enabled=True)), CATALOGUE, Bounds(may_run=False)
        )


def test_a_java_source_is_named_after_its_public_class() -> None:
    (compilation,) = accepted(Submission(source_code="public final class Shop {}", language="java"), CATALOGUE)
    assert compilation.entry == "Shop.java"
