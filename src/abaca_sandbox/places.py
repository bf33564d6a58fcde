"""Where the sandbox keeps what programs may read, and what keeps a slot's user from reading other places."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from abaca_sandbox.finding import closed_to_others

SHARED = Path("/var/lib/abaca/sandbox")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why programs inside cannot use a toolchain that is on this machine."""

    reason: str
    remedy: str
    """The command that copies it to where they can."""


def home() -> Path:
    """World-readable when root owns it, since slots are other users then; else in the user's own cache."""
    if os.geteuid() == 0:
        return SHARED
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "abaca" / "sandbox"


def make_home(*names: str) -> Path:
    """A folder below `home`, made if it is not there, readable for slots."""
    folder = home()
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for name in names:
        folder /= name
        folder.mkdir(mode=0o755, exist_ok=True)
    return folder


def obstacle(path: Path) -> Obstacle | None:
    """What keeps programs inside from using a file or folder of this machine; None where nothing does."""
    remedy = f"python -m abaca_sandbox adopt {path}"
    try:
        if os.geteuid() == 0:
            closed = closed_to_others(path)
        else:
            closed = None if os.access(path, os.R_OK) else path
    except OSError as error:
        return Obstacle(f"{path} cannot be looked at: {error.strerror}", remedy)
    if closed is None:
        return None
    return Obstacle(f"{closed} is closed to the users that programs run as", remedy)
