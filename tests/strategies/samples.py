"""The sample data for tests: fetched once for all processes of a run, or the tests are skipped with the reason."""

from __future__ import annotations

import fcntl
import os
import tempfile
from functools import cache
from pathlib import Path

import pytest

from abaca_strategies.data.sample import fetch
from abaca_strategies.failures import DataError

FOLDER = Path(tempfile.gettempdir()) / f"abaca-strategies-sample-{os.getuid()}"
"""Kept between runs: what is in it is checked against its digests each time it is read."""
SECONDS = 30.0
"""For pip; well below the time that a test may take."""


@cache
def sample_folder() -> Path:
    """Skips the test where the data cannot be had, as on a machine without a network."""
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    this_run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    with FOLDER.with_suffix(".lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # others wait for the one that fetches
        lock.seek(0)
        if lock.read() == this_run:
            pytest.skip("no sample data: another process of this run could not fetch them")
        try:
            fetch(FOLDER, seconds=SECONDS)
        except DataError as error:
            lock.truncate(0)
            lock.write(this_run)
            pytest.skip(f"no sample data: {error}")
    return FOLDER
