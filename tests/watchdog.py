"""The end of a test run whose time is over. ``$ABACA_TEST_UNTIL`` (seconds since 1970) says when; ``.ci/run`` sets it.

Every process that runs tests then writes the stacks of all its threads and ends, and the one that leads them reports
what failed so far. A single test that hangs is ended much earlier, by its own timeout.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time

import pytest

LEADER_FIRST = 2.0
"""Seconds between the word to the leader and the end of a process that may hang: nobody is started in its place."""


def pytest_configure(config: pytest.Config) -> None:
    until = os.environ.get("ABACA_TEST_UNTIL")
    if until is None:
        return
    stderr = os.dup(sys.__stderr__.fileno()) if sys.__stderr__ is not None else None  # before pytest captures it
    timer = threading.Timer(max(0.0, float(until) - time.time()), _end, (config, stderr))
    timer.daemon = True
    timer.start()
    config.add_cleanup(timer.cancel)


def _end(config: pytest.Config, stderr: int | None) -> None:
    leader = config.pluginmanager.get_plugin("dsession")
    if leader is not None:
        leader.shouldstop = "the time of the test run is over; the stacks above say where it stood"
        return
    if stderr is not None:
        os.write(stderr, b"\nThe time of the test run is over. What this process does:\n")
        faulthandler.dump_traceback(stderr, all_threads=True)
    threading.Event().wait(LEADER_FIRST)
    os._exit(3)
