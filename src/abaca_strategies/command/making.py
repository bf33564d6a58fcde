"""``abaca strategies create`` and ``rm``"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abaca import ConfigError
from abaca.cli import EXIT_FAILED, EXIT_OK, Given, note, print_json, say
from abaca_strategies.command.following import Watching
from abaca_strategies.command.plain import code_in
from abaca_strategies.command.running import run
from abaca_strategies.models import CreateStrategyResult, Strategy
from abaca_strategies.requests import CreateStrategyRequest, EditStrategyRequest
from abaca_strategies.strategies import Strategies


def create(
    file: Annotated[str, Parameter(name="FILE", help="The code; - reads standard input.")] = "",
    /,
    *,
    prompt: Annotated[str, Parameter(help="Have it written: a template, or the server of the settings.")] = "",
    name: Annotated[str, Parameter(help="[default: the file's name, or the writer's]")] = "",
    description: Annotated[str, Parameter(help="What it is for.")] = "",
    strategy: Annotated[int | None, Parameter(help="Make the next version of this one.")] = None,
    session: Given,
) -> int:
    """Take a strategy from a file, or have it written from a prompt. It is read and checked, and not run.

    Exit status: 0 it is there; 1 the code cannot be used, or no writer can make it; 2 the command is wrong.
    """
    if bool(file) == bool(prompt):
        raise ConfigError("name a file with the code, or give a --prompt; one of the two")
    if prompt:
        return _written(session, prompt, name, description, strategy)
    code = code_in(file)
    named = name or ("" if strategy is not None or file == "-" else Path(file).stem)

    async def keep(service: Strategies) -> Strategy:
        if strategy is None:
            return await service.registry.create(name=named or "Strategy", python_code=code, description=description)
        change = EditStrategyRequest(name=named or None, description=description or None, python_code=code)
        return await service.registry.edit(strategy, change)

    return _say(session, run(session, keep, create=True))


def _written(session: Given, prompt: str, name: str, description: str, strategy: int | None) -> int:
    watching = Watching(session)

    def told(result: CreateStrategyResult) -> int:
        if result.strategy is not None:
            return _say(session, result.strategy)
        if session.json:
            print_json(result)
        note(f"no strategy was made: {result.error}")
        return EXIT_FAILED

    async def work(service: Strategies) -> int:
        job = await service.create_strategy.enqueue(
            CreateStrategyRequest(
                prompt=prompt,
                name=name,
                description=description,
                strategy_id=-1 if strategy is None else strategy,
            )
        )
        return await watching.watch(service, job, "writing", told)

    return run(session, work, create=True)


def _say(session: Given, made: Strategy) -> int:
    if session.json:
        print_json(made)
    else:
        sys.stdout.write(f"{made.strategy_id}\n")
        note(f"strategy {made.strategy_id}, version {made.version}: {made.name}")
    return EXIT_OK


def rm(
    *strategies: Annotated[int, Parameter(name="ID", help="The strategy.")],
    session: Given,
) -> int:
    """Delete strategies with all their versions. What they ran stays readable; an id is never given again."""
    if not strategies:
        raise ConfigError("name a strategy by its id")

    async def work(service: Strategies) -> None:
        for id in strategies:
            await service.registry.head(id)
        for id in strategies:
            await service.registry.delete(id)

    run(session, work)
    if session.json:
        print_json({"deleted": list(strategies)})
    else:
        say(f"deleted: {', '.join(map(str, strategies))}")
    return EXIT_OK
