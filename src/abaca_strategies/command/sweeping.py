"""``abaca sweep run``"""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from abaca.cli import EXIT_OK, Given, note, print_json
from abaca_strategies.command.axes import grid_of, random_of
from abaca_strategies.command.backtesting import Rule, nested
from abaca_strategies.command.following import Detach, Follow, Wait, Watching
from abaca_strategies.command.plain import (
    Dataset,
    End,
    Id,
    Params,
    Start,
    Symbols,
    Timeframe,
    VersionOf,
    listed,
    params_of,
    request_of,
)
from abaca_strategies.command.running import run, with_hands
from abaca_strategies.command.sweeps import say_sweep, watched
from abaca_strategies.requests import SweepRequest
from abaca_strategies.strategies import Strategies


def run_sweep(
    strategy: Id,
    /,
    *,
    grid: Annotated[
        tuple[str, ...],
        Parameter(help="As --grid fast=5,10,20 or fast=5:50:5, both ends included; one for each.", negative=""),
    ] = (),
    random: Annotated[
        tuple[str, ...],
        Parameter(help="As --random fast=5:50 or stop=0.001:0.1:log; one for each.", negative=""),
    ] = (),
    count: Annotated[int | None, Parameter(help="Points to draw. [default: 100]")] = None,
    seed: Annotated[int | None, Parameter(help="The same seed draws the same points. [default: 1]")] = None,
    constraint: Annotated[
        tuple[str, ...], Parameter(help="As --constraint 'fast < slow'; others are not tried.", negative="")
    ] = (),
    objective: Annotated[str | None, Parameter(help="The figure that decides. [default: sharpe]")] = None,
    minimise: Annotated[bool, Parameter(negative="", help="The least of it is the best.")] = False,
    require: Annotated[
        tuple[str, ...], Parameter(help="As --require 'trades >= 30'; another cannot be the best.", negative="")
    ] = (),
    folds: Annotated[int | None, Parameter(help="Pairs of a walk forward. [default: 0, none]")] = None,
    train: Annotated[float | None, Parameter(help="The share that is trained on in each. [default: 0.7]")] = None,
    anchored: Annotated[bool, Parameter(negative="", help="All training parts begin at the first bar.")] = False,
    gap: Annotated[int | None, Parameter(help="Bars between training and test. [default: 0]")] = None,
    start: Start = None,
    end: End = None,
    dataset: Dataset = None,
    symbols: Symbols = (),
    version: VersionOf = None,
    timeframe: Timeframe = None,
    param: Params = (),
    rule: Rule = (),
    hold: Annotated[int | None, Parameter(help="Bars that the portfolio keeps an instance. [default: 5]")] = None,
    follow: Follow = False,
    wait: Wait = None,
    detach: Detach = False,
    session: Given,
) -> int:
    """Try many parameters of a strategy as one workflow, show the best so far, and in the end the best of all.

    Where no worker serves it, one runs inside this command. Ctrl-C leaves the rest to the next worker; `abaca sweep
    show` has what was found, and `abaca sweep cancel` ends it.
    Exit status: 0 it ran; 1 no point could be used; 2 the command is wrong; 3 it was cancelled; 4 the time to wait was
    over.
    """
    watching = Watching(session, follow=follow, wait=wait, detach=detach, later="abaca sweep show")
    request = request_of(
        SweepRequest,
        {
            "strategy_id": strategy,
            "version": version,
            "grid": grid_of(grid),
            "random": random_of(random),
            "count": count,
            "seed": seed,
            "constraints": list(constraint),
            "objective": objective,
            "maximise": not minimise,
            "require": list(require),
            "folds": folds,
            "train": train,
            "anchored": anchored,
            "gap": gap,
            "start_date": start,
            "end_date": end,
            "dataset": dataset,
            "symbols": listed(symbols),
            "timeframe": timeframe,
            "params": params_of(param),
            "rules": nested(params_of(rule, "--rule")),
            "hold": hold,
        },
    )

    async def work(service: Strategies) -> int:
        handle = await service.sweeps.start(request)
        if detach:
            if session.json:
                print_json(await service.sweeps.view(handle.id))
            else:
                sys.stdout.write(f"{handle.id}\n")
            note(f"a worker of the queue strategies runs it; `abaca sweep show {handle.id}` has what it found")
            return EXIT_OK
        view = await with_hands(service, watched(service, handle.id, watching))
        return say_sweep(session, view, limit=wait)

    return run(session, work)
