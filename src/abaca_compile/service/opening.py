"""The engine of this machine, as the settings say."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from abaca_compile.catalogue import Catalogue
from abaca_compile.engine import Engine
from abaca_compile.errors import CompileError, Unsandboxed
from abaca_compile.model import Built, Compilation, CompileLimits
from abaca_compile.toolchains import TOOLCHAINS
from abaca_compile.toolchains.discovering import IMAGES, Discovery
from abaca_compile.validation.bounds import Bounds
from abaca_compile.warm import Warm
from abaca_sandbox import Sandbox, SandboxUnavailable

_MIB = 1 << 20
_KIB = 1 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Openings:
    """What an engine is opened with. ``slots``: compilations at once; ``images``: a folder of compiler images;
    ``toolchains``: one of toolchains that every user can read; ``prepares``: whether caches that compilers read are
    made in the background where they are missing."""

    slots: int
    images: str
    toolchains: str = ""
    allow_unsandboxed: bool
    prepares: bool = False

    @classmethod
    def of(cls, value: Callable[[str], Any], *, prepares: bool = False) -> Self:
        return cls(
            slots=value("compile.slots"),
            images=value("compile.images"),
            toolchains=value("compile.toolchains"),
            allow_unsandboxed=value("compile.allow_unsandboxed"),
            prepares=prepares,
        )


class Machine:
    """The engine of this machine, its sandbox, what finds its compilers, and their caches."""

    def __init__(self, sandbox: Sandbox | None, discovery: Discovery, engine: Engine, warm: Warm) -> None:
        self._sandbox = sandbox
        self._discovery = discovery
        self.engine = engine
        self._warm = warm
        self._preparing: asyncio.Task[None] | None = None

    @property
    def catalogue(self) -> Catalogue:
        return self.engine.environments

    async def build(self, compilation: Compilation) -> Built:
        return await self.engine.build(compilation)

    async def refresh(self) -> Catalogue:
        self.engine.environments = await self._discovery.environments()
        return self.engine.environments

    def prepare_beside(self) -> None:
        self._preparing = asyncio.create_task(self.prepare())

    async def prepare(self) -> None:
        """Make the caches that are missing, one after the other; one that cannot be made is logged and done without."""
        for environment in self.catalogue.environments:
            try:
                await self._warm.prepare(environment)
            except (CompileError, OSError) as error:
                logging.getLogger("abaca_compile").warning("%s compiles without its cache: %s", environment.id, error)

    async def close(self) -> None:
        if self._preparing is not None:
            self._preparing.cancel()
            await asyncio.gather(self._preparing, return_exceptions=True)
        if self._sandbox is not None:
            await self._sandbox.close()


async def open_machine(openings: Openings) -> Machine:
    """Raises ``Unsandboxed`` where there is no sandbox and none is not allowed."""
    sandbox = await _sandbox(openings)
    images = tuple(filter(None, (IMAGES, openings.images)))
    toolchains = tuple(filter(None, (openings.toolchains, TOOLCHAINS)))
    discovery = Discovery(sandbox, toolchains=toolchains, images=images, memory=_cache() / "compilers.json")
    try:
        catalogue = await discovery.environments()
        warm = Warm(_cache() / "warm")
        engine = Engine(sandbox, catalogue, warm=warm, allow_unsandboxed=openings.allow_unsandboxed)
        machine = Machine(sandbox, discovery, engine, warm)
    except BaseException:
        if sandbox is not None:
            await sandbox.close()
        raise
    if openings.prepares:
        machine.prepare_beside()
    return machine


async def _sandbox(openings: Openings) -> Sandbox | None:
    try:
        return await Sandbox(slots=openings.slots).open()
    except SandboxUnavailable as error:
        if openings.allow_unsandboxed:
            return None
        raise Unsandboxed(
            f"{error}; or set ABACA_COMPILE_ALLOW_UNSANDBOXED=true where every source is your own"
        ) from error


def _cache() -> Path:
    """A folder of this user's own. Root's home is closed to the sandbox's users, so root has it elsewhere."""
    if os.geteuid() == 0:
        return Path("/var/cache/abaca")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "abaca"


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
