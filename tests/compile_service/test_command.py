"""``abaca compile`` and ``abaca environments``: here, and by a service."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from abaca_compile.command import compiling
from abaca_compile.command.finding import found_files
from abaca_compile.plugin import PLUGIN
from abaca_compile.service.compiler import Compiler
from tests.command import Run, running
from tests.compile_service.conftest import announced
from tests.compile_service.machine import BAD, STRICT, WARNED, equipped, open_machine
from tests.http.server import listening


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command line in a folder with sources, on a machine with the compilers of GNU."""
    monkeypatch.setattr("abaca_compile.command.compilers.open_machine", lambda openings: open_machine(openings.slots))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "src" / "good.c").write_text('#include "deep/number.h"\nint main(void) { return NUMBER - 1; }\n')
    (tmp_path / "src" / "deep" / "number.h").write_text("#define NUMBER 1\n")
    (tmp_path / "src" / "deep" / "bad.cpp").write_text(BAD)
    (tmp_path / "warned.c").write_text(WARNED)
    return running(capsys)


def test_each_verdict_has_its_exit_status(run: Run, tmp_path: Path) -> None:
    good = run("compile", "src/good.c")
    assert (good.status, good.out.count("compiled")) == (0, 1)
    assert run("compile", "src/deep/bad.cpp").status == 1
    assert run("compile", "nothing.c").status == 2
    assert run("compile", "src/good.c", "--std", "c3000").status == 2
    assert run("compile", "src/good.c", "--flag=-wrapper,sh").status == 2
    forever = "".join(f"#define A{n + 1} A{n} A{n} A{n} A{n}\n" for n in range(14)).replace("A0 A0", "x++; x++;")
    (tmp_path / "slow.c").write_text(forever + "int main(void) { int x = 0; A14 return x; }\n")
    assert run("compile", "slow.c", "--wall", "0.2").status == 3


def test_a_folder_is_all_the_sources_below_it(run: Run) -> None:
    answer = run("compile", "src")
    assert answer.status == 1
    assert "src/good.c: " in answer.out
    assert "src/deep/bad.cpp:1:" in answer.out


def test_answers_for_machines(run: Run) -> None:
    # Then JSON has a result for each file, in order
    found = json.loads(run("--json", "compile", "src/good.c", "src/deep/*.cpp").out)
    assert [(one["file"], one["compiled"]) for one in found] == [("src/good.c", True), ("src/deep/bad.cpp", False)]
    # And SARIF and annotations name files as they are from here
    log = json.loads(run("compile", "src", "--sarif").out)
    place = next(result["locations"][0]["physicalLocation"] for one in log["runs"] for result in one["results"])
    assert place["artifactLocation"]["uri"] == "src/deep/bad.cpp"
    assert "::error file=src/deep/bad.cpp,line=1" in run("compile", "src", "--annotations").out
    assert run("compile", "src", "--quiet").out == ""
    assert run("--json", "compile", "src", "--sarif").status == 2


def test_a_matrix_is_every_compiler_of_the_language(run: Run) -> None:
    answer = run("compile", "warned.c", "--matrix")
    assert (answer.status, f"{STRICT}: did not compile" in answer.out) == (1, True)
    assert run("compile", "warned.c", "--env", STRICT).status == 1
    assert run("compile", "warned.c", "--matrix", "--env", STRICT).status == 2


def test_environments_are_listed(run: Run) -> None:
    assert STRICT in run("environments", "--language", "c").out
    assert {one["language"] for one in json.loads(run("--json", "environments").out)} == {"c", "cpp"}


def test_a_machine_without_a_sandbox_says_so_and_compiles_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from abaca_sandbox import Sandbox, SandboxUnavailable

    async def refuse(self: Sandbox) -> Sandbox:
        raise SandboxUnavailable("bubblewrap is missing", "apt-get install bubblewrap")

    monkeypatch.undo()
    monkeypatch.setattr(Sandbox, "open", refuse)
    answer = run("compile", str(Path(__file__).parent / "machine.py"))
    assert answer.status == 4
    assert "apt-get install bubblewrap" in answer.err
    assert "ABACA_COMPILE_ALLOW_UNSANDBOXED" in answer.err


async def test_what_changes_is_seen(tmp_path: Path) -> None:
    # Given a source with its header
    source, header = tmp_path / "a.c", tmp_path / "a.h"
    source.write_text('#include "a.h"\n')
    header.write_text("int a;\n")
    found = found_files([str(source)])
    # When the header changes
    changed = asyncio.ensure_future(compiling._changed(found))
    await asyncio.sleep(0)
    header.write_text("int a, b;\n")
    # Then the source that includes it is compiled again
    assert await asyncio.wait_for(changed, 30) == found


async def test_a_service_compiles_in_place_of_this_machine(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    # Given a service with a worker
    app = equipped()
    async with listening(app) as address, app.worker(queues=PLUGIN.queues):
        await announced(Compiler.of(app))
        # When, then: verdicts are its own
        answer = await asyncio.to_thread(run, "compile", "src", "warned.c", "--remote", address)
        assert (answer.status, answer.out.count("did not compile"), answer.out.count(": compiled")) == (1, 1, 2)
        assert len((await app.find()).jobs) == 3
        matrix = await asyncio.to_thread(run, "compile", "warned.c", "--matrix", "--remote", address)
        assert f"{STRICT}: did not compile" in matrix.out
        assert STRICT in (await asyncio.to_thread(run, "environments", "--remote", address)).out
        wrong = await asyncio.to_thread(run, "compile", "warned.c", "--compiler", "gcc-99", "--remote", address)
        assert (wrong.status, "gcc-99" in wrong.err) == (2, True)
    # And one that is away is infrastructure
    assert (await asyncio.to_thread(run, "compile", "warned.c", "--remote", address)).status == 4
