"""Whether the user that compiles in the sandbox can read a toolchain, and what to do where it cannot."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import msgspec

from abaca_compile.model import Environment
from abaca_compile.toolchains.finding import TOOLCHAINS


def checked(environment: Environment) -> Environment:
    """The environment as it is, or marked as unavailable with the reason and the command that helps."""
    if not environment.available or environment.image is not None:
        return environment
    for path in (environment.executable, *environment.mounts):
        if why := obstacle(path):
            home = environment.mounts[0] if environment.mounts else str(Path(environment.executable).parent)
            return msgspec.structs.replace(
                environment,
                available=False,
                reason=f"the sandbox's user cannot read {path}: {why}",
                remedy=f"sudo mkdir -p {TOOLCHAINS} && sudo cp -a {home} {TOOLCHAINS}/{environment.compiler}",
            )
    return environment


def obstacle(path: str) -> str | None:
    """What keeps an unprivileged user from this path, or ``None``. As root the sandbox drops to such a user."""
    real = Path(os.path.realpath(path))
    if os.geteuid() != 0:
        return None if os.access(real, os.R_OK | os.X_OK) else "permission denied"
    return _closed(real, (*reversed(real.parents), real))


def _closed(real: Path, parts: Iterable[Path]) -> str | None:
    for part in parts:
        try:
            mode = part.stat().st_mode
        except OSError as error:
            return f"{part}: {error.strerror}"
        if not mode & stat.S_IXOTH or (part == real and not mode & stat.S_IROTH):
            return f"{part} is open to its owner only (mode {stat.S_IMODE(mode):o})"
    return None
