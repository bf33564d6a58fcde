"""Whether the user that compiles in the sandbox can read a toolchain, and what to do where it cannot."""

from __future__ import annotations

from pathlib import Path

import msgspec

from abaca_compile.model import Environment
from abaca_sandbox import obstacle


def checked(environment: Environment) -> Environment:
    """The environment as it is, or marked as unavailable with the reason and the command that helps."""
    if not environment.available or environment.image is not None:
        return environment
    for path in (environment.executable, *environment.mounts):
        if (closed := obstacle(Path(path))) is not None:
            home = Path(environment.mounts[0] if environment.mounts else environment.executable)
            helps = obstacle(home) or closed
            return msgspec.structs.replace(environment, available=False, reason=closed.reason, remedy=helps.remedy)
    return environment
