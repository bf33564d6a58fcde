"""The bare compilers, by command lines written by hand: what the service's verdicts are compared with."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from abaca_compile.model import Compilation, Environment, Family, Mode

_GNU = {Mode.SYNTAX: ["-fsyntax-only"], Mode.COMPILE: ["-c"], Mode.LINK: ["-o", "program"]}
_RUST = {Mode.SYNTAX: "metadata", Mode.COMPILE: "obj", Mode.LINK: "link"}
_TIME = 60.0


async def accepts(compilation: Compilation, environment: Environment) -> bool:
    """Whether the compiler, run as anybody would run it in the folder of the sources, exits with 0."""
    with tempfile.TemporaryDirectory() as folder:
        for file in compilation.files:
            path = Path(folder, file.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
        process = await asyncio.create_subprocess_exec(
            *command(compilation, environment),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "GOPROXY": "off", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"},
        )
        try:
            return await asyncio.wait_for(process.wait(), _TIME) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def command(compilation: Compilation, environment: Environment) -> list[str]:
    compiler, mode, flags = environment.executable, compilation.mode, [*compilation.flags]
    names = [file.name for file in compilation.files if not file.name.endswith((".h", ".mod"))]
    if environment.family in (Family.GCC, Family.CLANG, Family.TCC):
        standard = [f"-std={compilation.standard}"] if compilation.standard else []
        goal = ["-c"] if environment.family is Family.TCC and mode is Mode.SYNTAX else _GNU[mode]
        return [compiler, *standard, *goal, *names, *flags]
    if environment.family is Family.RUSTC:
        is_library = mode is not Mode.LINK and b"fn main" not in compilation.files[0].content
        kind = ["--crate-type=lib"] if is_library else []
        return [
            compiler,
            f"--edition={compilation.standard}",
            *kind,
            f"--emit={_RUST[mode]}",
            *flags,
            compilation.entry,
        ]
    if environment.family is Family.GO:
        return [compiler, "build", f"-gcflags=-lang={compilation.standard}", "-o", "program", *flags, *names]
    if environment.family is Family.JAVAC:
        own = compilation.standard in (None, environment.default_standard)
        release = [] if own else ["--release", str(compilation.standard)]
        return [compiler, "-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC", *release, *flags, *names]
    if environment.family is Family.NODE:
        return [compiler, "--check", compilation.entry]
    if environment.family is Family.TSC:
        return [compiler, "--noEmit", *flags, *names]
    if environment.family is Family.PYTHON:
        return [compiler, "-m", "py_compile", *names]
    return [compiler, "build-exe" if mode is Mode.LINK else "build-obj", *flags, compilation.entry]
