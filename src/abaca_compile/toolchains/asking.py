"""Asking a compiler about itself: the only thing for which a compiler of this machine runs outside the sandbox."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from abaca_sandbox import Limits, Outcome, Program

PATIENCE = 30.0  # seconds; a JVM on a busy machine takes some
_PROBE = Limits(wall=PATIENCE, cpu=PATIENCE, memory=1 << 30, processes=256)


@dataclass(frozen=True, slots=True)
class Said:
    """What a compiler answered. ``code`` is negative for a signal, and 127 where it could not be started."""

    code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        return self.code == 0


class Ask(Protocol):
    """Runs a compiler on nothing but an empty source on standard input."""

    async def __call__(self, *argv: str) -> Said: ...


class Runs(Protocol):
    """What runs programs: the sandbox, or what takes its place."""

    async def run(self, program: Program, limits: Limits = ...) -> Outcome: ...


async def ask_here(*argv: str) -> Said:
    """Ask a compiler of this machine. It gets an empty input, and no file of anybody's."""
    variables = {**os.environ, "LC_ALL": "C.UTF-8", "GOTOOLCHAIN": "local", "GOFLAGS": ""}
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=variables,
            cwd="/",
        )
    except OSError as error:
        return Said(127, "", f"it could not be started: {error.strerror}")
    try:
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    except TimeoutError:
        return Said(124, "", f"it gave no answer within {PATIENCE:.0f} s")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Said(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))


def ask_in(sandbox: Runs, image: Path) -> Ask:
    """Ask a compiler of a compiler image, inside the sandbox: an image is not trusted as this machine is."""

    async def ask(*argv: str) -> Said:
        outcome = await sandbox.run(Program(argv=argv, root=image, env={"LC_ALL": "C.UTF-8"}), _PROBE)
        code = outcome.exit_code if outcome.exit_code is not None else -(outcome.signal or 1)
        return Said(code, outcome.stdout.decode(errors="replace"), outcome.stderr.decode(errors="replace"))

    return ask
