"""``abaca sweep list``, ``show`` and ``cancel``"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bars

from abaca import ConfigError, ResultTimeout
from abaca.cli import (
    EXIT_CANCELLED,
    EXIT_FAILED,
    EXIT_OK,
    EXIT_TIMEOUT,
    Given,
    note,
    print_json,
    print_pairs,
    print_table,
    say,
)
from abaca_strategies.command.figures import shown
from abaca_strategies.command.following import Watching
from abaca_strategies.command.running import run
from abaca_strategies.flowmodels import FoldRow, HeatMap, SweepPoint, SweepResult, SweepView
from abaca_strategies.strategies import Strategies

Sweep = Annotated[str, Parameter(name="SWEEP", help="The id of the sweep.")]
ENDED = frozenset(("completed", "failed", "cancelled"))
_LOOK_AGAIN = 1.0
_SHOWN = 10


async def watched(service: Strategies, id: str, watching: Watching) -> SweepView:
    """The sweep as it was at its end, or when the time to wait was over."""
    begun, handle, said = time.monotonic(), service.sweeps.handle(id), -1
    console = Console(file=sys.stderr)
    columns = (TextColumn("sweep"), BarColumn(), TextColumn("{task.fields[about]}", markup=False))
    is_bar = console.is_terminal and not watching.follow
    try:
        with Bars(*columns, console=console, disable=not is_bar, transient=True) as bars:
            bar = bars.add_task("sweep", total=None, about="")
            while True:
                view = await service.sweeps.view(id)
                bars.update(bar, total=view.total, completed=view.done, about=_words(view))
                if watching.follow and view.done != said:
                    note(_words(view))
                said = view.done
                left = _LOOK_AGAIN if watching.wait is None else begun + watching.wait - time.monotonic()
                if view.state in ENDED or left <= 0:
                    return view
                try:
                    await handle.outcome(timeout=min(left, _LOOK_AGAIN))
                except ResultTimeout:
                    continue
    except asyncio.CancelledError:
        note(f"interrupted; sweep {id} is kept, and a worker of the queue strategies goes on with it")
        raise


def _words(view: SweepView) -> str:
    words = f"{view.done:,} of {view.total:,}"
    if view.best is not None:
        words += f", best {view.objective} {shown(view.objective, view.best.score)} with {_params(view.best)}"
    return f"{words}, {view.failed:,} failed" if view.failed else words


def say_sweep(session: Given, view: SweepView, *, limit: float | None = None) -> int:
    """What was found; the exit status."""
    if session.json:
        print_json(view)
    else:
        _say(view)
    if view.state == "cancelled":
        note(f"sweep {view.id} was cancelled")
        return EXIT_CANCELLED
    if view.state not in ENDED and limit is not None:
        note(f"sweep {view.id} was not done within {limit:g} s; it goes on with a worker")
        return EXIT_TIMEOUT
    if view.result is None:
        note(f"sweep {view.id} is {view.state}")
        return EXIT_FAILED if view.state in ENDED else EXIT_OK
    if view.result.error_message:
        note(view.result.error_message)
    return EXIT_OK if view.result.success else EXIT_FAILED


def _say(view: SweepView) -> None:
    print_pairs(
        [
            ("sweep", view.id),
            ("strategy", f"{view.strategy_id} version {view.version}"),
            ("state", view.state),
            ("runs", f"{view.done:,} of {view.total:,}, {view.failed:,} failed"),
            ("objective", f"{view.objective}, the {'most' if view.maximise else 'least'} is best"),
            *(() if view.result is None else _ends(view.result)),
        ]
    )
    if view.top:
        sys.stdout.write("\n")
        _say_top(view)
    if view.heat_map is not None:
        sys.stdout.write("\n")
        _say_heat(view.heat_map, view.objective)
    if view.result is not None and view.result.walk_forward:
        sys.stdout.write("\n")
        _say_folds(view.result.walk_forward, view.objective)
    for warning in () if view.result is None else view.result.warnings:
        note(warning)


def _ends(result: SweepResult) -> list[tuple[str, object]]:
    return [
        ("out of sample", shown(result.objective, result.out_of_sample) if result.walk_forward else None),
        ("deflated sharpe", None if result.deflated_sharpe is None else f"{result.deflated_sharpe:.2%} is not luck"),
        ("luck alone", None if result.expected_best_sharpe is None else f"sharpe {result.expected_best_sharpe:.4g}"),
        ("data", result.data_hash),
    ]


def _say_top(view: SweepView) -> None:
    best = view.top[:_SHOWN]
    names = list(dict.fromkeys(name for one in best for name in one.params))
    others = [name for name in best[0].figures if name != view.objective][:5]
    rows = [
        (
            *(one.params.get(name) for name in names),
            shown(view.objective, one.score),
            *(shown(name, one.figures.get(name)) for name in others),
        )
        for one in best
    ]
    print_table((*names, view.objective, *others), rows, "")


def _say_heat(heat: HeatMap, objective: str) -> None:
    rows = [
        (y, *("" if one is None else shown(objective, one) for one in row))
        for y, row in zip(heat.y, heat.z, strict=True)
    ]
    print_table((f"{heat.y_name} \\ {heat.x_name}", *(str(one) for one in heat.x)), rows, "")


def _say_folds(folds: list[FoldRow], objective: str) -> None:
    rows = [
        (
            one.number,
            f"{one.test_start[:10]} to {one.test_end[:10]}",
            "" if one.params is None else _listed(one.params),
            shown(objective, one.train_score),
            shown(objective, one.test_score),
            one.error,
        )
        for one in folds
    ]
    print_table(("fold", "test", "best in training", "training", "test", ""), rows, "")


def _params(point: SweepPoint) -> str:
    return _listed(point.params)


def _listed(params: dict[str, object]) -> str:
    return ", ".join(f"{name}={one}" for name, one in params.items())


def list_sweeps(
    *,
    strategy: Annotated[int | None, Parameter(help="Only of a strategy.")] = None,
    limit: Annotated[int, Parameter(help="How many.")] = 50,
    cursor: Annotated[str | None, Parameter(help="Where the answer before ended.")] = None,
    session: Given,
) -> int:
    """List sweeps that ended, the newest first."""
    page = run(
        session, lambda service: service.runs.list(kind="sweep", strategy_id=strategy, cursor=cursor, limit=limit)
    )
    if session.json:
        print_json(page)
        return EXIT_OK
    rows = [
        (one.job_id, one.strategy_id, one.version, one.strategy_name, one.dataset, one.ended_at, one.error)
        for one in page.items
    ]
    print_table(("sweep", "strategy", "version", "name", "data", "ended", ""), rows, "no sweep has ended")
    if page.cursor:
        note(f"there are more: --cursor {page.cursor}")
    return EXIT_OK


def show(sweep: Sweep, /, *, session: Given) -> int:
    """Show what a sweep has found so far or in the end: the best points, the heat map, the walk forward.

    Exit status: 0 it runs, or ran to its end; 1 there is none, or it failed; 3 it was cancelled.
    """
    return say_sweep(session, run(session, lambda service: service.sweeps.view(sweep)))


def cancel(
    *sweeps: Annotated[str, Parameter(name="SWEEP", help="The id of the sweep.")],
    session: Given,
) -> int:
    """Cancel sweeps: nothing more is tried, and what runs is stopped. What was found stays to be shown."""
    if not sweeps:
        raise ConfigError("name a sweep by its id")

    async def work(service: Strategies) -> dict[str, bool]:
        for id in sweeps:
            await service.sweeps.get(id)
        return {id: await service.sweeps.handle(id).cancel() for id in sweeps}

    done = run(session, work)
    if session.json:
        print_json([{"id": id, "cancelled": is_done} for id, is_done in done.items()])
    else:
        for id, is_done in done.items():
            say(f"{id}: {'cancelled' if is_done else 'it had ended already'}")
    return EXIT_OK if all(done.values()) else EXIT_FAILED
