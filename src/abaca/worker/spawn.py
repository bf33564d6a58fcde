"""Starting a process of our own with one end of a socket pair."""

from __future__ import annotations

import os
import socket
import subprocess
import sys


def spawn(module: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start ``python -m module FD PARENT_PID`` in a session of its own; answers the process and our end.

    The child finds what this process can import. Starting takes a few milliseconds and blocks.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-m", module, str(theirs.fileno()), str(os.getpid())]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], start_new_session=True, stdin=subprocess.DEVNULL, env=environment
        )
    ours.setblocking(False)
    return process, ours
