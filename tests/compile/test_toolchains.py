"""Finding toolchains: which files are taken for compilers, what they say of themselves, and what cannot be read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from abaca_compile.catalogue import Catalogue
from abaca_compile.model import Family, Language
from abaca_compile.toolchains import Discovery
from abaca_compile.toolchains.access import checked
from abaca_compile.toolchains.finding import candidates, followed
from abaca_compile.toolchains.memory import Memory, identity
from abaca_sandbox import End, Limits, Outcome, Program
from tests.compile.toolbox import GCC

FAKE_GCC = """#!/bin/sh
case "$*" in
    -dumpfullversion) echo 13.2.0 ;;
    -dumpmachine) echo x86_64-linux-gnu ;;
    *-std=c2[3x]*) exit 1 ;;
    *-dM*) echo '#define __STDC_VERSION__ 201710L' ;;
    --version) echo "gcc 13.2.0" ;;
esac
echo "$*" >>"$(dirname "$0")/asked"
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter, as the temporary folder of a test is not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("name", "family", "is_plus"),
    [
        ("gcc", Family.GCC, False),
        ("gcc-13", Family.GCC, False),
        ("g++-9", Family.GCC, True),
        ("clang-16", Family.CLANG, False),
        ("clang++", Family.CLANG, True),
        ("tcc", Family.TCC, False),
        ("rustc", Family.RUSTC, False),
        ("javac", Family.JAVAC, False),
        ("tsc", Family.TSC, False),
        ("zig", Family.ZIG, False),
        ("gcc-ar-12", None, False),
        ("clang-format", None, False),
        ("clang-cl", None, False),
        ("python3-config", None, False),
        ("gofmt", None, False),
        ("-12", None, False),
        ("c99-gcc", None, False),
        ("python3", None, False),  # a script: the shim of a version manager
    ],
)
def test_compilers_are_told_by_their_names(tmp_path: Path, name: str, family: Family | None, is_plus: bool) -> None:
    program(tmp_path / name)
    found = [(candidate.family, candidate.is_plus) for candidate in candidates([str(tmp_path)])]
    assert found == ([] if family is None else [(family, is_plus)])


def test_one_compiler_under_two_names_is_found_once_under_the_lasting_one(tmp_path: Path) -> None:
    program(tmp_path / "gcc-13")
    (tmp_path / "gcc").symlink_to("gcc-13")
    assert [candidate.path for candidate in candidates([str(tmp_path)])] == [f"{tmp_path}/gcc-13"]


def test_links_of_an_image_stay_in_the_image(tmp_path: Path) -> None:
    program(tmp_path / "usr/lib/real")
    (tmp_path / "usr/bin").mkdir()
    (tmp_path / "usr/bin/gcc").symlink_to("/usr/lib/real")
    (tmp_path / "usr/bin/g++").symlink_to("../../../../../../usr/lib/real")
    assert followed("/usr/bin/gcc", tmp_path) == followed("/usr/bin/g++", tmp_path) == "/usr/lib/real"


async def test_a_compiler_is_asked_once_and_again_when_its_binary_is_another(open_folder: Path) -> None:
    # Given
    fake = program(open_folder / "tools/gcc-13", FAKE_GCC)
    discovery = Discovery(folders=[str(open_folder / "tools")], images=(), memory=open_folder / "memory.json")
    # When
    first = (await discovery.environments()).get("gcc-13")
    asked = len((fake.parent / "asked").read_text().splitlines())
    second = (await discovery.environments()).get("gcc-13")
    again = len((fake.parent / "asked").read_text().splitlines())
    program(fake, FAKE_GCC.replace("13.2.0", "13.3.0"))
    third = (await discovery.environments()).get("gcc-13")
    # Then
    assert first is not None
    assert third is not None
    assert first == second
    assert (asked > 0, again) == (True, asked)
    assert (first.version, third.version) == ("13.2.0", "13.3.0")
    assert first.fingerprint != third.fingerprint
    assert first.standards[:4] == ("c89", "c99", "c11", "c17")
    assert (first.default_standard, first.diagnostics, first.compiler) == ("gnu17", "sarif", "gcc-13")


def test_a_damaged_memory_is_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    path.write_text('{"edition": 1, "found"')
    memory = Memory(path)
    assert memory.recall("x") is None
    memory.keep("x", [GCC])
    memory.save()
    assert Memory(path).recall("x") == [GCC]
    assert identity(tmp_path / "absent") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")
def test_a_toolchain_that_others_cannot_read_is_listed_with_the_remedy(open_folder: Path) -> None:
    # Given
    compiler = program(open_folder / "home/rust/bin/rustc")
    home = str(open_folder / "home/rust")
    environment = msgspec.structs.replace(GCC, compiler="rustc-1.95", executable=str(compiler), mounts=(home,))
    assert checked(environment).available
    # When
    (open_folder / "home").chmod(0o700)
    found = checked(environment)
    # Then
    assert not found.available
    assert str(open_folder / "home") in (found.reason or "")
    assert found.remedy == f"python -m abaca_sandbox adopt {home}"


async def test_an_image_is_asked_in_the_sandbox(open_folder: Path) -> None:
    # Given
    image = open_folder / "images/trixie"
    program(image / "usr/bin/gcc-13")
    roots: list[object] = []

    class Answers:
        async def run(self, program: Program, limits: Limits = ...) -> Outcome:  # type: ignore[assignment]
            roots.append(program.root)
            answers = {"-dumpfullversion": b"13.3.0\n", "-dumpmachine": b"x86_64-linux-gnu\n"}
            return Outcome(end=End.EXITED, exit_code=0, stdout=answers.get(program.argv[-1], b""))

    # When
    catalogue = await Discovery(Answers(), folders=(), images=[str(open_folder / "images")]).environments()
    # Then
    found = next(environment for environment in catalogue.environments if environment.image is not None)
    assert (found.compiler, found.image, set(roots)) == ("gcc-13", str(image), {image})


async def test_the_default_of_a_language_is_one_that_works_here(catalogue: Catalogue) -> None:
    usable = [environment for environment in catalogue.environments if environment.available]
    assert usable, "this machine has no compiler at all"
    for language in {environment.language for environment in usable}:
        assert catalogue.default(Language(language)).available
