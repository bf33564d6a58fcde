"""Runs a program without any isolation: only for sources of one's own, where the operator has said so aloud."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

from abaca_sandbox import End, Limits, Outcome, Program, Usage

_CHUNK = 1 << 16
_LIMITED = 'ulimit -c 0; ulimit -t "$1"; ulimit -f "$2"; shift 2; exec "$@"'
_SIGNALS = {signal.SIGXCPU: End.CPU_LIMIT, signal.SIGXFSZ: End.FILE_LIMIT}


class Bare:
    """Keeps to the limits of wall, CPU, output and file size, and to no other. Compiler images need the sandbox."""

    async def run(self, program: Program, limits: Limits | None = None) -> Outcome:
        limits = limits or Limits()
        if program.root is not None:
            return Outcome(end=End.SANDBOX_ERROR, reason="a compiler image is used in the sandbox only")
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="abaca-bare-"))
        try:
            await asyncio.to_thread(_write, folder, program)
            return await self._run(folder, program, limits)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _run(self, folder: Path, program: Program, limits: Limits) -> Outcome:
        started, before = time.monotonic(), os.times()
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            _LIMITED,
            "sh",
            str(max(1, round(limits.cpu))),
            str(max(1, limits.file_size // 512)),
            *program.argv,
            cwd=folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "TMPDIR": str(folder), **program.env},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        end: End | None = None
        try:
            async with asyncio.timeout(limits.wall):
                out, err, _ = await asyncio.gather(
                    _capped(process.stdout, limits.output, process.pid),
                    _capped(process.stderr, limits.output, process.pid),
                    _feed(process.stdin, program.stdin),
                )
                await process.wait()
        except TimeoutError:
            out, err, end = b"", b"", End.WALL_LIMIT
        finally:
            _kill(process.pid)
            await process.wait()
        is_long = max(len(out), len(err)) > limits.output
        code = process.returncode or 0
        number = -code if code < 0 else code - 128 if code > 128 else None
        if end is None:
            known = _SIGNALS.get(signal.Signals(number)) if number in set(signal.Signals) else None
            end = End.OUTPUT_LIMIT if is_long else known or (End.SIGNALLED if code < 0 else End.EXITED)
        after = os.times()
        cpu = after.children_user - before.children_user + after.children_system - before.children_system
        return Outcome(
            end=end,
            exit_code=code if end is End.EXITED else None,
            signal=-code if code < 0 else None,
            stdout=_as_inside(out[: limits.output], folder),
            stderr=_as_inside(err[: limits.output], folder),
            truncated=is_long,
            collected=await asyncio.to_thread(_collected, folder, program),
            usage=Usage(wall_ms=(time.monotonic() - started) * 1000, cpu_ms=max(0.0, cpu) * 1000),
        )


async def _capped(stream: asyncio.StreamReader | None, most: int, group: int) -> bytes:
    """Up to one byte more than ``most``; a program that writes more is ended."""
    parts = bytearray()
    while stream is not None and (chunk := await stream.read(_CHUNK)):
        parts += chunk[: most + 1 - len(parts)]
        if len(parts) > most:
            _kill(group)
    return bytes(parts)


async def _feed(stream: asyncio.StreamWriter | None, content: bytes) -> None:
    if stream is None:
        return
    try:
        stream.write(content)
        await stream.drain()
        stream.close()
    except (BrokenPipeError, ConnectionResetError):
        pass


def _as_inside(output: bytes, folder: Path) -> bytes:
    """Output in which the folder has the name that it has in the sandbox."""
    return output.replace(os.fsencode(folder), b"/work")


def _kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _write(folder: Path, program: Program) -> None:
    for name, content in program.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755)


def _collected(folder: Path, program: Program) -> dict[str, bytes]:
    return {
        name: path.read_bytes()
        for name in program.collect
        if (path := folder / name).is_file() and not path.is_symlink()
    }
