"""Screenings: one and many strategies over a universe, ranked, with filters, in the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from abaca import App, Kind
from abaca_strategies.models import ScreeningResult
from abaca_strategies.registry import NewestBar
from abaca_strategies.requests import EditStrategyRequest, ScreeningRequest
from abaca_strategies.running.work import ScreenRow
from abaca_strategies.strategies import Strategies
from abaca_strategies.tasks.ranking import Filters, rank
from tests.strategies_service.authors import CROSS
from tests.strategies_service.markets import BROKEN, HIGH, LAST, market

pytestmark = pytest.mark.asyncio(loop_scope="module")
CLOSES = {"CCC": [10, 20, 80], "AAA": [90, 40, 80], "BBB": [10, 60, 20], "DDD": [1, 2, 40]}
SECTORS: dict[str, dict[str, object]] = {
    "AAA": {"sector": "energy", "cap": 2},
    "BBB": {"sector": "health"},
    "CCC": {"sector": "energy", "cap": 3},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def working(prepared: None) -> AsyncIterator[Strategies]:
    """Three strategies: of the last close (1), of what lies above 50 (2), and one that raises (3)."""
    app = App("memory://")
    service = Strategies(app)
    async with app, app.worker(queues=["strategies"]):
        await service.datasets.put(market("four", CLOSES, info=SECTORS))
        for name, code in {"last": LAST, "high": HIGH, "broken": BROKEN}.items():
            await service.registry.create(name=name, python_code=code)
        yield service


async def screened(service: Strategies, *ids: int, dataset: str = "four", **asked: object) -> ScreeningResult:
    request = {"strategy_ids": list(ids), "dataset": dataset, **asked}
    handle = await service.screening.enqueue(ScreeningRequest(**request))  # type: ignore[arg-type]
    return await handle.result(timeout=50)


def scores(result: ScreeningResult) -> list[tuple[str, float]]:
    assert result.success, result.error_message
    return [(one.symbol, round(one.score, 9)) for one in result.ranked_results]


async def test_one_strategy_ranks_a_universe_with_ties_by_symbol(working: Strategies) -> None:
    # When one strategy screens the whole data set
    result = await screened(working, 1)
    # Then the highest score comes first, and equal ones by their symbols
    assert scores(result) == [("AAA", 0.8), ("CCC", 0.8), ("DDD", 0.4), ("BBB", 0.2)]
    first = result.ranked_results[0]
    assert (first.current_price, first.sector, first.parts) == (80.0, "energy", {})
    assert first.data == {"near": True, "timestamp": 1704240000, "bars_ago": 0}
    assert result.ranked_results[2].sector is None
    assert (result.universe_size, result.as_of) == (4, "2024-01-03T00:00:00Z")
    assert result.data_hash == (await working.datasets.get("four")).digest
    # And the run is kept with its headline figures
    (run,) = (await working.runs.list(kind="screening", limit=1)).items
    assert (run.strategy_id, run.version, run.figures["top_score"], run.figures["ranked"]) == (1, 1, 0.8, 4)


async def test_several_strategies_give_the_mean_and_nothing_said_counts_as_zero(working: Strategies) -> None:
    # When two strategies screen, of which one names only what lies above 50, and one is named twice
    result = await screened(working, 2, 1, 2)
    # Then the score is the mean, and the parts say what each said
    assert scores(result) == [("AAA", 0.9), ("CCC", 0.9), ("DDD", 0.2), ("BBB", 0.1)]
    assert result.ranked_results[0].parts == {"2": 1.0, "1": 0.8}
    assert result.ranked_results[2].parts == {"1": 0.4}
    assert result.ranked_results[0].data["1"]["near"] is True
    assert result.versions == {"1": 1, "2": 1}
    assert result.scores == {one.symbol: one.score for one in result.ranked_results}


async def test_universe_as_of_limit_and_filters_say_what_is_looked_at_and_what_is_answered(working: Strategies) -> None:
    # Then a universe is what the strategy sees, and an as-of time what it knows
    assert scores(await screened(working, 1, universe=["BBB", "AAA"])) == [("AAA", 0.8), ("BBB", 0.2)]
    early = await screened(working, 1, as_of="2024-01-02")
    assert scores(early)[0] == ("BBB", 0.6)
    assert (early.as_of, early.ranked_results[0].current_price) == ("2024-01-02T00:00:00Z", 60.0)
    # And filters choose among the answers: by facts, by several values, by score
    energy = await screened(working, 1, filters={"sector": "energy", "cap": 3})
    assert (scores(energy), energy.universe_size) == ([("CCC", 0.8)], 4)
    two = await screened(working, 1, filters={"sector": ["health", "energy"], "min_score": 0.3})
    assert scores(two) == [("AAA", 0.8), ("CCC", 0.8)]
    # And a limit cuts what is answered, not what is counted
    limited = await screened(working, 1, limit=1)
    assert (scores(limited), limited.ranked_total, limited.scores) == ([("AAA", 0.8)], 4, {"AAA": 0.8})


async def test_what_is_not_there_is_said_before_anything_runs(working: Strategies) -> None:
    # When strategies, tickers, data and filters are asked for that do not exist
    found = [
        await screened(working, 1, 9),
        await screened(working, 1, universe=["AAA", "ZZZ"]),
        await screened(working, 1, dataset="none"),
        await screened(working, 1, filters={"colour": "red"}),
        await screened(working, 1, filters={"min_score": "high"}),
        await screened(working, 1, as_of="1999-01-01"),
        await screened(working, 1, as_of="2024-02-31"),
    ]
    # Then each is a finished job that says what is missing
    words = ("no strategy 9", "no ZZZ", "no data set none", "no filter 'colour'", "min_score", "no bars", "2024-02-31")
    for result, word in zip(found, words, strict=True):
        assert (result.success, result.ranked_results) == (False, [])
        assert word in (result.error_message or "")
    assert "has min_score, cap, sector" in (found[3].error_message or "")


async def test_a_strategy_that_fails_has_no_part_and_all_failing_is_no_success(working: Strategies) -> None:
    # When one of two strategies raises, and when the only one does
    some, none = await screened(working, 3, 1), await screened(working, 3)
    # Then the others are ranked without it, and it is named
    assert scores(some) == [("AAA", 0.8), ("CCC", 0.8), ("DDD", 0.4), ("BBB", 0.2)]
    assert set(some.failures) == {"3"}
    assert "no idea" in some.failures["3"]
    assert "strategy 3 failed" in some.warnings[0]
    # And nothing but failures is a failure
    assert (none.success, set(none.failures)) == (False, {"3"})
    assert "no idea" in (none.error_message or "")


async def test_other_forms_are_ranked_by_the_position_that_they_hold(working: Strategies) -> None:
    # Given a strategy of positions, at its second version
    made = await working.registry.create(name="cross", python_code=LAST)
    await working.registry.edit(made.strategy_id, EditStrategyRequest(python_code=CROSS))
    # When it screens the data set that is built in
    result = await screened(working, made.strategy_id, dataset="synthetic")
    # Then the newest version was run, and each ticker's score is its position
    assert result.versions == {str(made.strategy_id): 2}
    assert {one.score for one in result.ranked_results} == {0.0, 1.0}
    assert len(result.ranked_results) == result.universe_size == 8


async def test_progress_is_told_by_strategy_and_ticker(working: Strategies) -> None:
    # When two strategies of positions screen several tickers
    made = [await working.registry.create(name="cross", python_code=CROSS) for _ in range(2)]
    ids = [one.strategy_id for one in made]
    handle = await working.screening.enqueue(ScreeningRequest(strategy_ids=ids))
    told = [update.value async for update in handle.updates() if update.kind is Kind.PROGRESS]
    assert (await handle.result(timeout=50)).success
    # Then it says which strategy is at hand, and how many are done; the last report is never thinned out
    assert {one["total"] for one in told} == {2}
    assert {one["stage"].partition(":")[0] for one in told} <= {f"strategy {id}" for id in ids}
    assert (told[-1]["done"], told[-1]["stage"].partition(":")[0]) == (1, f"strategy {ids[1]}")
    assert any("strategy" in one["stage"].partition(": ")[2] for one in told)


def row(ticker: str, score: float, **data: object) -> ScreenRow:
    return ScreenRow(ticker=ticker, score=score, timestamp=0, bars_ago=0, data=data)


def newest(*tickers: str) -> dict[str, NewestBar]:
    bar = NewestBar(time=0, at="", close=1.0, bucket="", bucket_start=0, bucket_end=1)
    return dict.fromkeys(tickers, bar)


async def test_a_mean_does_not_depend_on_the_order_of_strategies() -> None:
    # Given three scores in every order, some of them larger than any sum can be
    for values in ([0.1, 0.2, 0.3], [1e308, 1e308, -1e308], [1.7e308, 1.7e308, 1.7e308]):
        found = set()
        for turned in range(3):
            rows = {1 + n: {"A": row("A", values[(n + turned) % 3])} for n in range(3)}
            ranked, _ = rank(rows, newest("A"), {}, Filters(), several=True)
            found.add(ranked[0].score)
        # Then the mean is one, and a number
        (mean,) = found
        assert abs(mean) <= max(map(abs, values))


async def test_what_is_too_long_is_left_out_and_said() -> None:
    rows = {1: {"A": row("A", 1.0, note="x" * 10_000), "B": row("B", 0.5, note="y")}}
    ranked, notes = rank(rows, newest("A", "B"), {}, Filters(), several=False)
    assert [one.data.get("note") for one in ranked] == [None, "y"]
    assert "1 tickers" in notes[0]
