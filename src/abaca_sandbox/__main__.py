"""`python -m abaca_sandbox check|setup|adopt|run`: for whoever sets a machine up, or tries a program."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from abaca_sandbox.adopting import adopt
from abaca_sandbox.checking import check
from abaca_sandbox.errors import SandboxError, SandboxUnavailable
from abaca_sandbox.model import End, Limits, Program
from abaca_sandbox.runtime import load, setup
from abaca_sandbox.sandbox import Sandbox

LIMITED = 124  # exit status where a limit ended the program, as of timeout(1)
BROKEN = 125


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 is well, 1 that something is missing or failed, 2 wrong usage, for `run` the program's own."""
    asked = parser().parse_args(arguments)
    try:
        if asked.command == "check":
            return say_what_is_here()
        if asked.command == "setup":
            return say_runtime(asked.requirement, asked.name, asked.force)
        if asked.command == "adopt":
            print(adopt(asked.path, asked.name))
            return 0
        return asyncio.run(run_one(asked))
    except SandboxError as error:
        print(error, file=sys.stderr)
        return BROKEN if asked.command == "run" else 1


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m abaca_sandbox", description="Run programs that nobody vouches for.")
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="say what the sandbox has and lacks on this machine, and try it")
    build = commands.add_parser("setup", help="build the Python that programs inside use")
    build.add_argument("requirement", nargs="*", help="packages, as pip takes them")
    build.add_argument("--name", default="python", help="one environment of several (python)")
    build.add_argument("--force", action="store_true", help="build it anew even if it is there")
    copy = commands.add_parser("adopt", help="copy a toolchain to where programs inside can read it")
    copy.add_argument("path", type=Path)
    copy.add_argument("--name")
    run = commands.add_parser("run", help="run one program: stdin and stdout are passed on")
    run.add_argument("--file", action="append", type=Path, default=[], help="a file to put into /work; repeatable")
    run.add_argument("--wall", type=float, default=Limits().wall, metavar="SECONDS")
    run.add_argument("--cpu", type=float, default=Limits().cpu, metavar="SECONDS")
    run.add_argument("--memory", type=int, default=Limits().memory >> 20, metavar="MIB")
    run.add_argument("argv", nargs="+", help="after --: the program and its arguments")
    return top


def say_what_is_here() -> int:
    report = check()
    for part in report.parts:
        print(f"{'ok' if part.ok else 'missing':8}{part.name}: {part.detail}")
        if part.remedy:
            print(f"{'':8}{part.remedy}")
    if not report.ok:
        return 1
    try:
        asyncio.run(try_it())
        print(f"{'ok':8}sandbox: a program ran inside")
    except SandboxUnavailable as error:
        print(f"{'missing':8}sandbox: {error.reason}\n{'':8}{error.remedy}")
        return 1
    try:
        runtime = load()
        print(f"{'ok':8}runtime: Python {runtime.version} at {runtime.folder}")
    except SandboxUnavailable as error:
        print(f"{'absent':8}runtime: {error.reason}\n{'':8}{error.remedy}")
    return 0


async def try_it() -> None:
    async with Sandbox(slots=1):
        pass


def say_runtime(requirements: Sequence[str], name: str, force: bool) -> int:
    runtime = setup(requirements, name=name, force=force)
    print(f"Python {runtime.version} at {runtime.folder}, with {', '.join(runtime.requirements) or 'no packages'}")
    return 0


async def run_one(asked: argparse.Namespace) -> int:
    files = {path.name: path.read_bytes() for path in asked.file}
    stdin = b"" if sys.stdin.isatty() else sys.stdin.buffer.read()
    limits = Limits(wall=asked.wall, cpu=asked.cpu, memory=asked.memory << 20)
    async with Sandbox(slots=1) as sandbox:
        outcome = await sandbox.run(Program(argv=tuple(asked.argv), files=files, stdin=stdin), limits)
    sys.stdout.buffer.write(outcome.stdout)
    sys.stdout.flush()
    sys.stderr.buffer.write(outcome.stderr)
    usage = outcome.usage
    words = (
        f"{outcome.end}: {usage.wall_ms:.0f} ms, {usage.cpu_ms:.0f} CPU-ms, {usage.max_rss >> 10} kB {outcome.reason}"
    )
    print(words.rstrip(), file=sys.stderr)
    if outcome.end is End.EXITED:
        return outcome.exit_code or 0
    if outcome.end is End.SIGNALLED:
        return 128 + (outcome.signal or 0)
    return BROKEN if outcome.end is End.SANDBOX_ERROR else LIMITED


if __name__ == "__main__":
    sys.exit(main())
