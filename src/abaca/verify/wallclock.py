"""Jumps of the wall clock for chosen processes, by a small library that they preload.

It is compiled where a C compiler is; elsewhere this fault is not done, and the report says so. The monotonic clock
stays true, which common libraries for false time do not manage for Python.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

_SOURCE = Path(__file__).with_name("wallclock.c")
_VARIABLE = "VERIFY_CLOCK"


def compile_library(folder: Path) -> Path | None:
    """The preloadable library, or ``None`` where it cannot be made."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform != "linux":
        return None
    library = folder / "wallclock.so"
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return library if done.returncode == 0 else None


class Wallclock:
    """The clock of one process, or of several that share it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.write_bytes(struct.pack("q", 0))

    def set(self, seconds: float) -> None:
        """From now on the clock is that far from the true one."""
        with self._path.open("r+b") as file:
            file.write(struct.pack("q", round(seconds * 1e9)))

    def environment(self, library: Path) -> dict[str, str]:
        preload = os.pathsep.join(filter(None, [str(library), os.environ.get("LD_PRELOAD", "")]))
        return {_VARIABLE: str(self._path), "LD_PRELOAD": preload}
