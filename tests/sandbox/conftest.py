"""Each test runs twice: in a sandbox that root owns, and in one of an ordinary user."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.baiting import Bait
from tests.sandbox.hosts import ORDINARY_UID, Host, spread


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that every user can read. pytest closes its own to others, again with each run that begins."""
    with tempfile.TemporaryDirectory(prefix="abaca-sandbox-") as folder:
        Path(folder).chmod(0o755)
        yield spread(Path(folder) / "code")


@pytest.fixture(scope="session", params=["root", "ordinary"])
def user(request: pytest.FixtureRequest) -> int:
    """The uid that owns the sandbox. A suite that does not run as root has only its own."""
    if request.param == "root":
        if os.geteuid() != 0:
            pytest.skip("this run is not root's: the same tests run as the ordinary user it is")
        return 0
    return ORDINARY_UID if os.geteuid() == 0 else os.geteuid()


@pytest.fixture(scope="session")
def shared_host(user: int, open_folder: Path) -> Iterator[Host]:
    host = Host(user, open_folder)
    yield host
    host.close()


@pytest.fixture
def host(shared_host: Host) -> Iterator[Host]:
    """A sandbox that still serves when the test is over."""
    yield shared_host
    assert shared_host.shell("echo still here").stdout == b"still here\n"


@pytest.fixture(scope="session")
def bait(open_folder: Path) -> Iterator[Bait]:
    bait = Bait(open_folder)
    with socket.create_connection(("127.0.0.1", bait.port), timeout=10):
        pass  # it can be reached from outside
    yield bait
    bait.close()
