"""What a writer of strategies is."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer made of a prompt: code with a name, or the reason why there is none."""

    python_code: str = ""
    name: str = ""
    description: str = ""
    reason: str | None = None
    """For whoever wrote the prompt; None where there is code."""


class StrategyWriter(Protocol):
    """Makes a strategy's code from a prompt. The code is validated and kept by whoever asks."""

    async def write(self, prompt: str, code: str = "", error: str = "") -> Written:
        """``code`` is what is there already: a version to be changed, or, with its ``error``, to be repaired.

        Raises ``WriterFailed`` where another attempt may go better.
        """
        ...

    async def close(self) -> None: ...
