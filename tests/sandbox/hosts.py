"""Starts `host.py` as root or as an ordinary user, and lets tests run programs in its sandbox."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from abaca_sandbox import BadProgram, End, Limits, Outcome, Program, Usage
from abaca_sandbox.finding import closed_to_others, find_bwrap

ORDINARY_UID = 62345
SYSTEM_PYTHON = Path("/usr/bin/python3")
PACKAGE = Path(__file__).parents[2] / "src" / "abaca_sandbox"
HOST = Path(__file__).parent / "host.py"
SHORT = Limits(wall=8, cpu=4, memory=128 << 20, processes=24, output=256 << 10, work=16 << 20, inodes=512)
PATIENCE = 50.0
FORK_BOMB = """
import os
while True:
    try: os.fork()
    except OSError: pass
"""


def world_readable_python() -> Path:
    """An interpreter that an ordinary user can start: this one, or the system's."""
    for candidate in (Path(sys.executable), SYSTEM_PYTHON):
        if candidate.exists() and closed_to_others(candidate) is None:
            return candidate
    pytest.skip("no Python 3.11 or newer here can be read by other users than its owner")


def spread(folder: Path) -> Path:
    """The package and the host where every user can read them."""
    shutil.copytree(PACKAGE, folder / "abaca_sandbox", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HOST, folder / "host.py")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


class Host:
    """One host process with a sandbox of three slots."""

    def __init__(self, uid: int, folder: Path) -> None:
        if find_bwrap() is None:
            pytest.skip("bubblewrap is not installed: apt-get install bubblewrap")
        home = folder / f"home-{uid}"
        home.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            os.chown(home, uid, uid)
        self._process = subprocess.Popen(
            [str(world_readable_python()), "-B", str(folder / "host.py"), str(uid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(home)},
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._numbers: dict[int, int] = {}
        self._ids = itertools.count()
        first = json.loads(self._stdout.readline() or '{"unavailable": "the host ended"}')
        if not first.get("ready"):
            self._process.kill()
            self._process.communicate(timeout=PATIENCE)
            raise AssertionError(f"the host has no sandbox: {first}")
        self.uid: int = first["uid"]
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self, program: Program, limits: Limits = SHORT, preloaded: bool = False) -> Future[dict[str, Any]]:
        number = next(self._ids)
        answer: Future[dict[str, Any]] = Future()
        self._waiting[number] = answer
        self._numbers[id(answer)] = number
        asked = {"id": number, "program": told(program), "limits": asdict(limits), "preloaded": preloaded}
        self._tell(asked)
        return answer

    def cancel(self, answer: Future[dict[str, Any]]) -> None:
        """Cancel the task that runs it, and wait until it says so."""
        self._tell({"cancel": self._numbers[id(answer)]})
        assert answer.result(PATIENCE)["cancelled"]

    def _tell(self, asked: dict[str, Any]) -> None:
        self._stdin.write(json.dumps(asked) + "\n")
        self._stdin.flush()

    def run(self, program: Program, limits: Limits = SHORT) -> Outcome:
        return outcome_of(self.start(program, limits).result(PATIENCE))

    def python(self, code: str, limits: Limits = SHORT, **more: Any) -> Outcome:
        return self.run(python(code, **more), limits)

    def script(self, code: str, limits: Limits = SHORT, **more: Any) -> Outcome:
        """Run a script in a fork of the preloaded Python."""
        program = Program(argv=("script.py",), files={"script.py": code.encode()}, **more)
        return outcome_of(self.start(program, limits, preloaded=True).result(PATIENCE))

    def shell(self, script: str, limits: Limits = SHORT, **more: Any) -> Outcome:
        return self.run(Program(argv=("/bin/sh", "-c", script), **more), limits)

    def _listen(self) -> None:
        for line in self._stdout:
            answer = json.loads(line)
            self._waiting.pop(answer["id"]).set_result(answer)

    def kill(self) -> None:
        """SIGKILL, as a machine that runs out of memory does it."""
        self._process.kill()
        self._wait()

    def close(self) -> None:
        self._stdin.close()
        try:
            self._process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._wait()

    def _wait(self) -> None:
        self._process.wait(timeout=PATIENCE)
        self._listener.join(PATIENCE)
        self._stdin.close()
        self._stdout.close()


def python(code: str, **more: Any) -> Program:
    """A program in Python; skips where the machine has none below /usr."""
    if not SYSTEM_PYTHON.exists():
        pytest.skip(f"{SYSTEM_PYTHON} is not here to write attacks with: apt-get install python3")
    files = {"attack.py": code.encode(), **more.pop("files", {})}
    return Program(argv=(str(SYSTEM_PYTHON), "-IS", "attack.py"), files=files, **more)


def told(program: Program) -> dict[str, Any]:
    return {
        "argv": program.argv,
        "files": {name: base64.b64encode(content).decode() for name, content in program.files.items()},
        "stdin": base64.b64encode(program.stdin).decode(),
        "env": dict(program.env),
        "mounts": [(str(mount.host), mount.inside) for mount in program.mounts],
        "root": None if program.root is None else str(program.root),
        "collect": program.collect,
    }


def outcome_of(answer: dict[str, Any]) -> Outcome:
    if "bad" in answer:
        raise BadProgram(answer["bad"])
    return Outcome(
        end=End(answer["end"]),
        exit_code=answer["exit_code"],
        signal=answer["signal"],
        stdout=base64.b64decode(answer["stdout"]),
        stderr=base64.b64decode(answer["stderr"]),
        truncated=answer["truncated"],
        collected={name: base64.b64decode(text) for name, text in answer["collected"].items()},
        not_collected=answer["not_collected"],
        usage=Usage(**answer["usage"]),
        touched=frozenset(map(End, answer["touched"])),
        reason=answer["reason"],
    )
