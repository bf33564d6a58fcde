"""The Python for programs inside, and toolchains that only their owner could read."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca_sandbox import (
    CannotAdopt,
    Mount,
    Program,
    Sandbox,
    SandboxUnavailable,
    adopt,
    adopted,
    load_runtime,
    obstacle,
    places,
    setup_runtime,
)
from abaca_sandbox.__main__ import main
from abaca_sandbox.finding import find_bwrap
from tests.sandbox.hosts import world_readable_python


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, open_folder: Path, request: pytest.FixtureRequest) -> Path:
    folder = open_folder / f"home-{request.node.name}"
    monkeypatch.setattr(places, "SHARED", folder / "abaca" / "sandbox")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    if find_bwrap() is None:
        pytest.skip("bubblewrap is not installed: apt-get install bubblewrap")
    async with Sandbox(slots=1) as sandbox:
        yield sandbox


def wheel(folder: Path) -> Path:
    """A package of one module, as small as pip takes it."""
    path = folder / "tiny-1.0-py3-none-any.whl"
    about = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    info = "tiny-1.0.dist-info"
    files = {"tiny.py": "WORD = 'of the wheel'\n", f"{info}/METADATA": about, f"{info}/WHEEL": tags}
    record = io.StringIO()
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
            record.write(f"{name},sha256={digest},{len(text)}\n")
            archive.writestr(name, text)
        archive.writestr(f"{info}/RECORD", record.getvalue() + f"{info}/RECORD,,\n")
    return path


async def test_a_runtime_is_built_once_and_runs_inside(home: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    world_readable_python()
    requirement = str(wheel(tmp_path))
    runtime = setup_runtime([requirement])
    code = b"import sys, tiny; print(tiny.WORD, sys.prefix)"
    outcome = await sandbox.run(
        Program(argv=(runtime.python, "-I", "main.py"), files={"main.py": code}, mounts=runtime.mounts)
    )
    assert outcome.stdout == b"of the wheel /opt/python\n", outcome.stderr.decode()
    built = runtime.folder.stat().st_ino
    assert setup_runtime([requirement]).folder.stat().st_ino == built
    assert setup_runtime([]).folder.stat().st_ino != built
    assert load_runtime().requirements == ()


def test_without_a_runtime_the_message_says_how_to_build_it(home: Path) -> None:
    with pytest.raises(SandboxUnavailable, match=r"python -m abaca_sandbox setup --name strategies"):
        load_runtime("strategies")


def test_packages_that_cannot_be_installed_leave_nothing_behind(home: Path, tmp_path: Path) -> None:
    world_readable_python()
    with pytest.raises(SandboxUnavailable, match="installing packages failed"):
        setup_runtime([str(tmp_path / "absent-1.0-py3-none-any.whl")])
    assert list(places.home().iterdir()) == []


async def test_a_toolchain_that_only_its_owner_reads_is_adopted(home: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    toolchain = tmp_path / "chain"
    tool = toolchain / "bin" / "tool"
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\necho adopted\n")
    tool.chmod(0o700)
    toolchain.chmod(0o700)

    target = adopt(tool)

    assert obstacle(target / "bin" / "tool") is None
    assert adopted() == {"chain": target}
    outcome = await sandbox.run(Program(argv=("/opt/chain/bin/tool",), mounts=(Mount(target, "/opt/chain"),)))
    assert outcome.stdout == b"adopted\n"


def test_what_slots_cannot_read_is_said_with_the_command_that_helps(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.write_text("")
    closed.chmod(0o000)
    found = obstacle(closed)
    if found is None:
        pytest.skip("this user reads everything")
    assert found.remedy == f"python -m abaca_sandbox adopt {closed}"


@pytest.mark.parametrize("path", ["/", "/usr", "/no/such/file", "/etc/hosts"])
def test_what_is_no_toolchain_is_not_adopted(home: Path, path: str) -> None:
    with pytest.raises(CannotAdopt):
        adopt(Path(path))


def test_check_says_what_is_here(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if find_bwrap() is None:
        pytest.skip("bubblewrap is not installed: apt-get install bubblewrap")
    assert main(["check"]) == 0
    said = capsys.readouterr().out
    assert "a program ran inside" in said
    assert "python -m abaca_sandbox setup" in said
