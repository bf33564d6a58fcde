"""strace, for tests that look at what a process asks of the kernel."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def require_strace() -> str:
    """The strace program. Without one that may trace: skips the test, or fails it where CI is set."""
    program = shutil.which("strace")
    if program is None:
        word = "strace is not on PATH. `make test` installs it for root; otherwise: sudo apt-get install strace"
    elif subprocess.run([program, "-qq", "-o", os.devnull, "true"], capture_output=True, timeout=20).returncode != 0:
        word = "strace may not trace here (ptrace is not permitted)"
    else:
        return program
    if os.environ.get("CI"):
        pytest.fail(word, pytrace=False)
    pytest.skip(word)
