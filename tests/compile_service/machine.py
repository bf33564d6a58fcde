"""A machine with the C and C++ compilers of GNU alone, which are found in a second; their verdicts are real.

Where there is no sandbox they run without one: it has tests of its own.
"""

from __future__ import annotations

import shutil

import msgspec
import pytest

from abaca import App
from abaca_compile.catalogue import Catalogue
from abaca_compile.engine import Engine
from abaca_compile.model import Built, Compilation, Family, Language
from abaca_compile.plugin import PLUGIN
from abaca_compile.service.compiler import Compiler
from abaca_compile.toolchains.asking import ask_here
from abaca_compile.toolchains.cfamily import examine_gcc
from abaca_compile.toolchains.finding import candidates
from abaca_sandbox import Sandbox, SandboxUnavailable

GOOD = "int main(void) { return 0; }\n"
BAD = "int main(void) { return nothing; }\n"
STRICT = "gcc-strict"
"""The C compiler again, for which every warning is an error."""
WARNED = "int main(void) { int unused = 1; return 0; }\n"
_known: list[Catalogue] = []


async def catalogue() -> Catalogue:
    """What the machine has: examined once in each process."""
    if not _known:
        if shutil.which("gcc") is None:
            pytest.skip("gcc is not on PATH")
        found = [one for one in candidates(("/usr/bin",)) if one.family is Family.GCC]
        examined = [await examine_gcc(one, ask_here) for one in found]
        plain = [environment for environments in examined for environment in environments]
        strict = msgspec.structs.replace(
            next(one for one in plain if one.language is Language.C), id=STRICT, default_flags=("-Werror", "-Wall")
        )
        _known.append(Catalogue([*plain, strict]))
    return _known[0]


class Machine:
    """An engine that notes what it runs."""

    def __init__(self, sandbox: Sandbox | None, engine: Engine) -> None:
        self._sandbox = sandbox
        self._engine = engine
        self.ran: list[str] = []

    @property
    def catalogue(self) -> Catalogue:
        return self._engine.environments

    async def build(self, compilation: Compilation) -> Built:
        self.ran.append(compilation.environment)
        return await self._engine.build(compilation)

    async def refresh(self) -> Catalogue:
        return self.catalogue

    async def close(self) -> None:
        if self._sandbox is not None:
            await self._sandbox.close()


async def open_machine(slots: int = 2) -> Machine:
    sandbox: Sandbox | None = Sandbox(slots=slots)
    try:
        await sandbox.open()  # type: ignore[union-attr]
    except SandboxUnavailable:
        sandbox = None
    return Machine(sandbox, Engine(sandbox, await catalogue(), allow_unsandboxed=True))


def equipped(url: str | None = "memory://") -> App:
    """An app with the service, whose workers have this machine."""
    app = App(url, plugins=[PLUGIN], poll_interval=0.1)
    Compiler.of(app).engines.open = open_machine
    return app
