"""The demo's own SQLite file: made anew at every run, and never somebody else's."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from abaca.errors import ConfigError

FILE_NAME = "abaca-demo.db"
_BESIDE = ("-wal", "-shm", "-journal")
_WAKE = "-wake"
_MARK = "-made-by-demo"


@contextmanager
def own_store(folder: Path) -> Iterator[str]:
    """The URL of a fresh store in ``folder``, held for this run.

    Raises ``ConfigError`` for a file that the demo did not make, and while another demo uses it.
    """
    path = folder.absolute() / FILE_NAME
    mark = path.with_name(FILE_NAME + _MARK)
    if path.exists() and not _is_ours(path, mark):
        raise ConfigError(f"{path} was not made by the demo and stays; move it away, or give --url sqlite:///other.db")
    with _locked(mark) as marker:
        _remove(path)
        path.touch()
        os.pwrite(marker, str(path.stat().st_ino).encode(), 0)
        yield f"sqlite:///{path}"


def _is_ours(path: Path, mark: Path) -> bool:
    """The mark names the file by its inode, so that another file put in its place is not taken for it."""
    try:
        return mark.read_text() == str(path.stat().st_ino)
    except FileNotFoundError:
        return False


@contextmanager
def _locked(mark: Path) -> Iterator[int]:
    try:
        descriptor = os.open(mark, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ConfigError(f"the demo cannot write into {mark.parent}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        yield descriptor
    except BlockingIOError:
        raise ConfigError(
            f"another demo is running on {mark.with_name(FILE_NAME)}; wait for it, or give --url"
        ) from None
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    for suffix in ("", *_BESIDE):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.rmtree(path.with_name(path.name + _WAKE), ignore_errors=True)
