"""Where the command compiles: on this machine, or by a service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from abaca import ConfigError
from abaca_compile.catalogue import Catalogue
from abaca_compile.errors import CompileError, ValidationError
from abaca_compile.model import Compilation, CompileOutcome, CompileStatus, Environment, Result, Submission
from abaca_compile.service.opening import Machine, Openings, bounds_of, open_machine
from abaca_compile.validation import accepted

Landed = Callable[[int, Result], None]
"""Is told each result as it comes, with the number of its submission."""


class Compilers(Protocol):
    """Compiles submissions, each for one environment."""

    async def environments(self) -> list[Environment]: ...

    async def compile(self, submissions: list[Submission], landed: Landed) -> None:
        """Raises ``ConfigError`` for a submission that cannot be run as it is."""
        ...

    async def close(self) -> None: ...


class Here:
    """This machine, without any server."""

    def __init__(self, value: Callable[[str], Any]) -> None:
        self._openings = Openings.of(value)
        self._bounds = bounds_of(value)
        self._machine: Machine | None = None

    async def environments(self) -> list[Environment]:
        return list((await self._catalogue()).environments)

    async def compile(self, submissions: list[Submission], landed: Landed) -> None:
        catalogue = await self._catalogue()
        machine = await self._opened()
        try:
            compilations = [accepted(submission, catalogue, self._bounds)[0] for submission in submissions]
        except ValidationError as error:
            raise ConfigError(str(error)) from error
        room = asyncio.Semaphore(self._openings.slots)

        async def one(number: int) -> None:
            async with room:
                landed(number, await _built(machine, compilations[number]))

        await asyncio.gather(*(one(number) for number in range(len(compilations))))

    async def prepare(self) -> None:
        """Make the caches that compilers read."""
        await (await self._opened()).prepare()

    async def close(self) -> None:
        if self._machine is not None:
            await self._machine.close()

    async def _catalogue(self) -> Catalogue:
        return (await self._opened()).catalogue

    async def _opened(self) -> Machine:
        if self._machine is None:
            self._machine = await open_machine(self._openings)
        return self._machine


async def _built(machine: Machine, compilation: Compilation) -> Result:
    try:
        return (await machine.build(compilation)).result
    except CompileError as error:
        return infrastructure(str(error))


def infrastructure(message: str) -> Result:
    """What is answered where nothing could be run."""
    return Result(
        status=CompileStatus.ERROR, outcome=CompileOutcome.SANDBOX_ERROR, success=False, compiled=False, error=message
    )


def available(environments: Iterable[Environment], language: str, standard: str | None) -> list[str]:
    """Those that can be used for a language, and take the standard where one is asked for."""
    usable = [one for one in environments if one.available and one.language == language]
    return [one.id for one in usable if standard is None or standard in one.standards]
