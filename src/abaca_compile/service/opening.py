"""The engine of this machine, as the settings say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from abaca_compile.errors import Unsandboxed
from abaca_compile.model import CompileLimits
from abaca_compile.service.engines import Compiles
from abaca_compile.validation.bounds import Bounds

_MIB = 1 << 20
_KIB = 1 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Openings:
    """What an engine is opened with. ``slots``: compilations at once; ``images``: a folder of compiler images."""

    slots: int
    images: str
    allow_unsandboxed: bool

    @classmethod
    def of(cls, value: Callable[[str], Any]) -> Self:
        return cls(
            slots=value("compile.slots"),
            images=value("compile.images"),
            allow_unsandboxed=value("compile.allow_unsandboxed"),
        )


async def open_engine(openings: Openings) -> Compiles:
    """Raises ``Unsandboxed`` where there is no sandbox and none is not allowed."""
    raise Unsandboxed("there is no sandbox here")


def bounds_of(value: Callable[[str], Any]) -> Bounds:
    """The limits that the settings say. What they say is the default, and the most where that is above it."""
    usual = Bounds()
    default = CompileLimits(
        wall_ms=round(value("compile.wall") * 1000),
        cpu_ms=round(value("compile.cpu") * 1000),
        memory_mb=max(1, value("compile.memory") // _MIB),
        output_kb=max(1, value("compile.output") // _KIB),
    )
    most = CompileLimits(
        wall_ms=max(default.wall_ms, usual.most.wall_ms),
        cpu_ms=max(default.cpu_ms, usual.most.cpu_ms),
        memory_mb=max(default.memory_mb, usual.most.memory_mb),
        output_kb=max(default.output_kb, usual.most.output_kb),
    )
    return Bounds(default=default, most=most, may_run=value("compile.run"))
