"""What a program writes is handed over while it runs; and modules of folders beside a preloaded Python."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca_sandbox import End, Limits, Preloaded, Program, Sandbox, SandboxUnavailable, setup_runtime
from abaca_sandbox.finding import find_bwrap

QUICK = Limits(wall=20, cpu=10, memory=256 << 20)


@pytest.fixture(params=["sandbox", "preloaded"])
async def slots(request: pytest.FixtureRequest, open_folder: Path) -> AsyncIterator[Sandbox | Preloaded]:
    if find_bwrap() is None:
        pytest.skip("bubblewrap is not installed: apt-get install bubblewrap")
    try:
        async with Sandbox(slots=1) if request.param == "sandbox" else preloaded(open_folder) as slots:
            yield slots
    except SandboxUnavailable as error:
        pytest.skip(str(error))


def preloaded(folder: Path) -> Preloaded:
    beside = folder / "beside"
    beside.mkdir(exist_ok=True)
    (beside / "beside_it.py").write_text("import os\nWORD = 'beside'\nLOADED_BY = os.getpid()\n")
    for path in (beside, beside / "beside_it.py"):
        path.chmod(0o755 if path.is_dir() else 0o666)  # what keeps it as it is is the mount
    return Preloaded(setup_runtime(), ("beside_it",), path=(beside,))


def writing(slots: Sandbox | Preloaded, python: str, shell: str) -> Program:
    if isinstance(slots, Preloaded):
        return Program(argv=("main.py",), files={"main.py": python.encode()})
    return Program(argv=("/bin/sh", "-c", shell))


async def test_output_is_handed_over_while_the_program_runs(slots: Sandbox | Preloaded) -> None:
    # Given a program that says something and goes on
    program = writing(slots, "import time\nprint('begun', flush=True)\ntime.sleep(1000)", "echo begun; sleep 1000")
    heard, said = bytearray(), asyncio.Event()

    def hear(part: bytes) -> None:
        heard.extend(part)
        if b"begun\n" in heard:
            said.set()

    # When it is listened to
    running = asyncio.create_task(slots.run(program, QUICK, on_output=hear))
    await asyncio.wait_for(said.wait(), 15)
    # Then it was heard before the end, and cancelling it frees the slot
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await slots.run(writing(slots, "print(1)", "echo 1"), QUICK)).stdout == b"1\n"


async def test_all_of_it_was_handed_over_in_order_at_the_end(slots: Sandbox | Preloaded) -> None:
    # Given a program that writes faster than anybody reads, to an error behind it
    program = writing(
        slots,
        "for n in range(20000): print(n)\nimport sys\nsys.stderr.write('beside')",
        "seq 0 19999; printf beside >&2",
    )
    parts: list[bytes] = []
    outcome = await slots.run(program, QUICK, on_output=parts.append)
    # Then the parts are its standard output, which the outcome has too; standard error is not among them
    assert outcome.end is End.EXITED
    assert b"".join(parts) == outcome.stdout == "".join(f"{n}\n" for n in range(20000)).encode()
    assert outcome.stderr == b"beside"


async def test_a_program_that_says_too_much_ends_by_the_limit_of_output(slots: Sandbox | Preloaded) -> None:
    program = writing(
        slots, "while True: print('y' * 1000)", "while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done"
    )
    parts: list[bytes] = []
    limits = Limits(wall=20, cpu=10, memory=256 << 20, output=100_000)
    outcome = await slots.run(program, limits, on_output=parts.append)
    assert outcome.end is End.OUTPUT_LIMIT
    assert sum(map(len, parts)) <= 100_000


@pytest.mark.parametrize("slots", ["preloaded"], indirect=True)
async def test_modules_of_a_folder_beside_are_loaded_once_and_cannot_be_changed(slots: Preloaded) -> None:
    code = """
import os, sys, beside_it
print(beside_it.WORD, beside_it.LOADED_BY != os.getpid())
try:
    open(beside_it.__file__, "a")
except OSError as error:
    print(error.strerror)
"""
    program = Program(argv=("main.py",), files={"main.py": code.encode()})
    first, second = await slots.run(program, QUICK), await slots.run(program, QUICK)
    assert first.stdout == second.stdout == b"beside True\nRead-only file system\n", first.stderr
