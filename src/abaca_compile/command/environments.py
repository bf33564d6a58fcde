"""``abaca environments``"""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from cyclopts import Parameter

from abaca import ConfigError
from abaca.cli import EXIT_OK, Given, note, print_json, print_table
from abaca_compile.command.compilers import Compilers, Here
from abaca_compile.command.remote import Remote
from abaca_compile.command.reporting import INFRASTRUCTURE
from abaca_compile.errors import CompileError
from abaca_compile.model import Environment
from abaca_compile.service.settings import SETTINGS


def environments(
    *,
    language: Annotated[str | None, Parameter(help="Only those of a language.")] = None,
    prepare: Annotated[
        bool, Parameter(negative="", help="Make the caches that speed compilers up; it takes a minute or more.")
    ] = False,
    remote: Annotated[str | None, Parameter(help="The address of a service whose compilers are shown.")] = None,
    key: Annotated[str, Parameter(help="The API key for it; else ABACA_COMPILE_KEY.")] = "",
    session: Given,
) -> int:
    """Show the compilers that were found: what they accept, or why they cannot be used and what helps.

    The first look on a machine takes some seconds, because every compiler is asked; later ones are remembered.
    """
    values = session.settings(SETTINGS)
    if prepare and remote:
        raise ConfigError("--prepare is for this machine; a service's workers make their caches themselves")
    here = Here(values.value)
    by: Compilers = Remote(remote, key or values.value("compile.key")) if remote else here
    try:
        every = asyncio.run(_all(by, here if prepare else None))
    except CompileError as error:
        note(f"abaca: {error}")
        return INFRASTRUCTURE
    found = [one for one in every if language in (None, one.language)]
    if session.json:
        print_json([msgspec.to_builtins(one) for one in found])
        return EXIT_OK
    heads = ("environment", "language", "version", "target", "standards", "")
    print_table(heads, [_row(one) for one in found], "no compilers were found")
    for one in found:
        if one.remedy is not None:
            note(f"{one.id}: {one.remedy}")
    return EXIT_OK


async def _all(by: Compilers, prepared: Here | None) -> list[Environment]:
    try:
        if prepared is not None:
            await prepared.prepare()
        return await by.environments()
    finally:
        await by.close()


def _row(one: Environment) -> tuple[object, ...]:
    return one.id, one.language, one.version, one.target, " ".join(one.standards), one.reason or "available"
