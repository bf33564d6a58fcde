"""The sandbox as part of a program that has more to do."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from abaca_sandbox import BadProgram, End, Limits, Mount, Program, Sandbox, SandboxClosed, SandboxUnavailable, checking
from abaca_sandbox.finding import find_bwrap
from tests.sandbox.hosts import SHORT
from tests.sandbox.test_escapes import ended, wait_until_running


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    if find_bwrap() is None:
        pytest.skip("bubblewrap is not installed: apt-get install bubblewrap")
    async with Sandbox(slots=1) as sandbox:
        yield sandbox


def shell(script: str, **more: object) -> Program:
    return Program(argv=("/bin/sh", "-c", script), **more)  # type: ignore[arg-type]


async def test_files_input_environment_and_output(sandbox: Sandbox) -> None:
    program = shell(
        "cat in/a; cat; echo $WORD >&2; pwd; exit 3", files={"in/a": b"file\n"}, stdin=b"input\n", env={"WORD": "said"}
    )
    outcome = await sandbox.run(program)
    assert (outcome.end, outcome.exit_code, outcome.ok) == (End.EXITED, 3, False)
    assert (outcome.stdout, outcome.stderr) == (b"file\ninput\n/work\n", b"said\n")
    assert outcome.usage.wall_ms > 0
    assert outcome.usage.cpu_ms > 0


async def test_large_input_and_large_files_go_through(sandbox: Sandbox) -> None:
    big = os.urandom(3 << 20)
    outcome = await sandbox.run(shell("cat >out; cat in >>out", files={"in": big}, stdin=big, collect=("out",)))
    assert outcome.collected["out"] == big + big


async def test_a_program_need_not_read_its_input(sandbox: Sandbox) -> None:
    assert (await sandbox.run(shell("exit 0", stdin=b"x" * (1 << 20)))).ok


async def test_a_program_that_is_not_there_is_told(sandbox: Sandbox) -> None:
    outcome = await sandbox.run(Program(argv=("no-such-program",)))
    assert outcome.end is End.SANDBOX_ERROR
    assert "no-such-program" in outcome.reason


async def test_a_mount_is_shown_read_only(sandbox: Sandbox, open_folder: Path) -> None:
    program = shell("cat /data/host.py | head -c 3; echo x >/data/new", mounts=(Mount(open_folder, "/data"),))
    outcome = await sandbox.run(program)
    assert outcome.stdout == b'"""'
    assert b"Read-only" in outcome.stderr


async def test_a_mount_that_the_slot_cannot_read_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    with pytest.raises(BadProgram, match="cannot read it"):
        await sandbox.run(shell("true", mounts=(Mount(closed / "file", "/data"),)))


async def test_files_that_do_not_fit_are_refused(sandbox: Sandbox) -> None:
    with pytest.raises(BadProgram, match="do not fit"):
        await sandbox.run(shell("true", files={"a": b"x" * 100_000}), replace(SHORT, work=50_000))


async def test_an_image_takes_the_place_of_this_machines_root(sandbox: Sandbox, open_folder: Path) -> None:
    image = open_folder / "image"
    for path in programs_and_libraries("/bin/sh"):
        copy = image / path.relative_to("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    (image / "usr").mkdir(exist_ok=True)
    (image / "usr" / "mark").write_text("of the image")
    outcome = await sandbox.run(shell("read -r mark </usr/mark; echo $mark; cat /usr/mark", root=image))
    assert outcome.stdout == b"of the image\n"
    assert outcome.exit_code == 127  # the image has no cat


def programs_and_libraries(program: str) -> list[Path]:
    """Absolute paths as the program names them, its loader with them."""
    told = subprocess.run(["ldd", program], capture_output=True, text=True, timeout=30, check=True).stdout
    return [Path(program), *(Path(word) for word in told.split() if word.startswith("/"))]


async def test_cancelling_kills_the_program_and_frees_the_slot(sandbox: Sandbox) -> None:
    marker = f"88{os.getpid()}"
    running = asyncio.create_task(sandbox.run(shell(f"sleep {marker} & sleep {marker}"), Limits(wall=60)))
    pids = await asyncio.to_thread(wait_until_running, marker, 2)
    waits = [os.pidfd_open(pid) for pid in pids]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert all(ended(wait) for wait in waits)
    for wait in waits:
        os.close(wait)
    assert (await sandbox.run(shell("echo free"))).stdout == b"free\n"


async def test_more_programs_than_slots_wait_for_each_other(sandbox: Sandbox) -> None:
    outcomes = await asyncio.gather(*(sandbox.run(shell(f"echo {number}")) for number in range(5)))
    assert [outcome.stdout for outcome in outcomes] == [b"%d\n" % number for number in range(5)]


async def test_children_of_the_program_around_it_are_left_alone(sandbox: Sandbox) -> None:
    before = signal.getsignal(signal.SIGCHLD)
    child = await asyncio.create_subprocess_exec("/bin/sh", "-c", "read x; exit 7", stdin=subprocess.PIPE)
    plain = plain_child("exit 8")
    for _ in range(3):
        assert (await sandbox.run(shell("sleep 0 & sleep 0 & exit 0"))).ok
    await child.communicate(b"\n")
    assert child.returncode == 7
    assert plain.wait(timeout=30) == 8
    assert signal.getsignal(signal.SIGCHLD) == before


def plain_child(script: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/sh", "-c", script])


async def test_a_slot_whose_process_was_killed_starts_anew(sandbox: Sandbox) -> None:
    marker = f"89{os.getpid()}"
    running = asyncio.create_task(sandbox.run(shell(f"sleep {marker}"), Limits(wall=60)))
    (pid,) = await asyncio.to_thread(wait_until_running, marker, 1)
    wait = os.pidfd_open(pid)
    process = sandbox._slots[0]._process
    assert process is not None
    process.kill()
    outcome = await running
    assert outcome.end is End.SANDBOX_ERROR
    assert ended(wait)
    os.close(wait)
    assert (await sandbox.run(shell("echo again"))).stdout == b"again\n"


def test_it_runs_on_the_loop_that_workers_have() -> None:
    if find_bwrap() is None:
        pytest.skip("bubblewrap is not installed: apt-get install bubblewrap")

    async def both() -> tuple[bytes, int]:
        async with Sandbox(slots=1) as sandbox:
            outcome = await sandbox.run(shell("cat", stdin=b"x" * 200_000))
            child = await asyncio.create_subprocess_exec("/bin/sh", "-c", "exit 5")
            return outcome.stdout, await child.wait()

    assert uvloop.run(both()) == (b"x" * 200_000, 5)


async def test_nothing_runs_after_the_end(sandbox: Sandbox) -> None:
    await sandbox.close()
    with pytest.raises(SandboxClosed):
        await sandbox.run(shell("true"))


async def test_closing_ends_what_runs_and_what_waits(sandbox: Sandbox) -> None:
    marker = f"90{os.getpid()}"
    running = asyncio.create_task(sandbox.run(shell(f"sleep {marker}"), Limits(wall=60)))
    (pid,) = await asyncio.to_thread(wait_until_running, marker, 1)
    wait = os.pidfd_open(pid)
    waiting = asyncio.create_task(sandbox.run(shell("true")))
    await asyncio.sleep(0)
    await sandbox.close()
    assert (await running).end is End.SANDBOX_ERROR
    with pytest.raises(SandboxClosed):
        await waiting
    assert ended(wait)
    os.close(wait)


async def test_without_bubblewrap_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "find_bwrap", lambda: None)
    with pytest.raises(SandboxUnavailable, match="bubblewrap is not installed") as caught:
        await Sandbox().open()
    assert "apt-get install bubblewrap" in caught.value.remedy
    assert not Sandbox.check().ok


async def test_a_bubblewrap_that_does_not_work_is_refused(monkeypatch: pytest.MonkeyPatch, open_folder: Path) -> None:
    broken = open_folder / "bwrap"
    broken.write_text("#!/bin/sh\n[ $1 = --version ] && echo bubblewrap 0.9.0 && exit 0\necho broken >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(checking, "find_bwrap", lambda: broken)
    with pytest.raises(SandboxUnavailable, match="broken"):
        await Sandbox().open()


@pytest.mark.parametrize("name", ["../a", "/a", "a/../b", "", "a//b", "a\0b", ".", "x" * 256, "a/./b"])
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(BadProgram):
        Program(argv=("true",), files={name: b""})
    with pytest.raises(BadProgram):
        Program(argv=("true",), collect=(name,))


@pytest.mark.parametrize("field", ["wall", "cpu", "memory", "processes", "output", "work", "inodes", "file_size"])
def test_a_limit_of_nothing_is_refused(field: str) -> None:
    with pytest.raises(BadProgram, match=field):
        Limits(**{field: 0})
