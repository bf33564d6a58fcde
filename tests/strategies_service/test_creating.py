"""``strategies.create_strategy``: from code, or from a prompt and who writes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import assert_type

import pytest

from abaca import App, ArgumentError, JobHandle
from abaca_strategies.models import CreateStrategyResult
from abaca_strategies.requests import CreateStrategyRequest, EditStrategyRequest
from abaca_strategies.strategies import Strategies
from abaca_strategies.writing import ServedWriter, Written
from tests.strategies_service.server import chatting, said

HOLD = "def signals(df, params):\n    return df.close * 0 + 1\n"
FLAT = "def signals(df, params):\n    return df.close * 0\n"
BROKEN = "def signals(df, params):\n    return df.closing\n"


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Strategies]:
    """The service in memory, with a worker."""
    monkeypatch.setenv("ABACA_STRATEGIES_FOLDER", str(tmp_path / "strategies"))
    async with App("memory://", plugins=["strategies"]) as app, app.worker(queues=["strategies"]):
        yield Strategies.of(app)


class Scripted:
    """A writer that answers what it is given, and keeps what it was asked."""

    is_tried = False

    def __init__(self, *answers: Written | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, str]] = []

    async def write(self, prompt: str, code: str = "", error: str = "") -> Written:
        self.asked.append((prompt, code, error))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        """Nothing is open."""


async def create(service: Strategies, **fields: object) -> CreateStrategyResult:
    return await service.create_strategy.run(CreateStrategyRequest(**fields))  # type: ignore[arg-type]


async def test_a_handle_is_typed_with_what_the_task_answers(here: Strategies) -> None:
    # When a strategy is asked for
    handle = await here.create_strategy.enqueue(CreateStrategyRequest(python_code=HOLD, name="hold"))
    assert_type(handle, JobHandle[CreateStrategyResult])
    # Then its result is the struct of the source system, also by the id of the job alone
    result = await handle.result()
    assert_type(result, CreateStrategyResult)
    assert result.strategy is not None
    assert (result.success, result.strategy.strategy_id, result.strategy.version) == (True, 1, 1)
    again = await here.create_strategy.job(handle.id).result()
    assert again == result
    # And another request than the task's is no use
    with pytest.raises(ArgumentError, match="argument 'request'"):
        await here.create_strategy.enqueue(HOLD)  # type: ignore[arg-type]


async def test_the_task_has_the_limits_of_the_source_system(here: Strategies) -> None:
    job = await (await here.create_strategy.enqueue(CreateStrategyRequest(python_code=HOLD))).info()
    assert (job.spec.timeout_ms, job.spec.priority) == (15 * 60_000, 75)
    assert job.spec.retry is not None
    assert job.spec.retry.max_attempts == 3  # the first and two retries


async def test_code_is_kept_as_a_strategy_and_then_as_a_version(here: Strategies) -> None:
    first = await create(here, python_code=HOLD, name="mine", description="d", user_id=3)
    second = await create(here, python_code=FLAT, strategy_id=1)
    assert first.strategy is not None
    assert second.strategy is not None
    assert (first.strategy.user_id, first.strategy.description) == (3, "d")
    assert (second.strategy.strategy_id, second.strategy.version, second.strategy.name) == (1, 2, "mine")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"python_code": "def"}, "line 1"),
        ({"python_code": "x = 1"}, "no entry point"),
        ({}, "give python_code, or a prompt"),
        ({"prompt": "buy low, sell high"}, "no template fits"),
        ({"python_code": HOLD, "strategy_id": 9}, "no strategy 9"),
        ({"python_code": HOLD, "name": "a\nb"}, "on one line"),
    ],
)
async def test_what_cannot_be_a_strategy_is_a_finished_job_with_the_reason(
    here: Strategies, fields: dict[str, object], why: str
) -> None:
    result = await create(here, **fields)
    assert (result.success, result.strategy) == (False, None)
    assert why in (result.error or "")
    assert (await here.registry.list()).items == []


async def test_a_prompt_is_written_by_a_template(here: Strategies) -> None:
    result = await create(here, prompt="Buy when the 10 day moving average crosses above the 30 day")
    assert result.strategy is not None
    assert (result.strategy.name, result.strategy.prompt[:8]) == ("Simple moving averages 10/30", "Buy when")
    assert "'fast': 10, 'slow': 30" in result.strategy.python_code


async def test_what_a_writer_got_wrong_is_repaired_once(here: Strategies) -> None:
    # Given a writer whose first answer has no entry point
    writer = Scripted(Written(python_code="x = 1\n"), Written(python_code=HOLD, name="Hold"))
    here.use_writer(writer)
    # When it is asked, Then it is shown its error, and the second answer is kept
    result = await create(here, prompt="hold everything at all times please now")
    assert result.strategy is not None
    assert (result.strategy.name, result.strategy.python_code) == ("Hold", HOLD)
    assert [asked[1] for asked in writer.asked] == ["", "x = 1\n"]
    assert "no entry point" in writer.asked[1][2]
    # And where that is wrong as well, the job is done with the reason
    here.use_writer(Scripted(Written(python_code="x = 1\n"), Written(python_code="y = 1\n")))
    assert "no entry point" in ((await create(here, prompt="hold")).error or "")


async def test_a_change_shows_the_writer_the_version_that_is_there(here: Strategies) -> None:
    # Given a strategy
    await create(here, python_code=HOLD, name="mine")
    writer = Scripted(Written(python_code=FLAT))
    here.use_writer(writer)
    # When a prompt changes it
    result = await create(here, prompt="sell everything", strategy_id=1)
    # Then its code was shown, and the answer is the next version
    assert writer.asked == [("sell everything", HOLD, "")]
    assert result.strategy is not None
    assert (result.strategy.version, result.strategy.prompt) == (2, "sell everything")


async def test_the_writers_names_change_with_the_prompt_and_a_persons_stay(here: Strategies) -> None:
    # Given a strategy that its writer named
    prompts = [f"Buy when the 10 day moving average crosses above the {slow} day" for slow in (30, 40, 50, 60)]
    await create(here, prompt=prompts[0])
    # When another prompt changes it, Then it is named anew, and described
    changed = (await create(here, prompt=prompts[1], strategy_id=1)).strategy
    assert changed is not None
    assert (changed.version, changed.name) == (2, "Simple moving averages 10/40")
    assert changed.description.startswith("Simple moving averages 10/40: ")
    # When a person has named it, Then it stays so, but for a name that comes with the prompt
    await here.registry.edit(1, EditStrategyRequest(name="Trend"))
    kept = (await create(here, prompt=prompts[2], strategy_id=1)).strategy
    given = (await create(here, prompt=prompts[3], strategy_id=1, name="Slow trend")).strategy
    assert kept is not None
    assert given is not None
    assert [(one.version, one.name) for one in (kept, given)] == [(4, "Trend"), (5, "Slow trend")]
    assert given.description.startswith("Simple moving averages 10/60: ")
    assert [one.name for one in await here.registry.versions(1)][-1] == "Simple moving averages 10/30"


async def test_a_run_that_is_repeated_asks_nobody_twice_and_makes_one_strategy(here: Strategies) -> None:
    # Given a registry that is away once, after the writer has answered
    writer = Scripted(Written(python_code=HOLD))
    here.use_writer(writer)
    create_once, calls = here.registry.create, list[str]()

    async def failing(**fields: object) -> object:
        calls.append("create")
        made = await create_once(**fields)  # type: ignore[arg-type]
        if len(calls) == 1:
            raise ConnectionError("the reply was lost")
        return made

    here.registry.create = failing  # type: ignore[method-assign, assignment]
    # When a strategy is asked for
    await create(here, prompt="hold")
    # Then the second run goes on with the writer's answer and the strategy that the first one made
    assert (len(calls), len(writer.asked)) == (2, 1)
    assert [head.strategy_id for head in (await here.registry.list()).items] == [1]


@pytest.mark.timeout(120)
async def test_what_a_server_writes_is_tried_out_before_it_is_kept(here: Strategies, prepared: None) -> None:
    # Given a server whose first answer reads well and fails when it runs
    with chatting(said(f"```python\n{BROKEN}```"), said(f"```python\n# name: Hold\n{HOLD}```")) as chat:
        here.use_writer(ServedWriter(chat.url, "small", pause=0.0))
        # When a strategy is asked for
        result = await create(here, prompt="hold")
    # Then the server was shown what the code raised, and the second answer is kept
    assert "closing" in chat.words(1)
    assert result.strategy is not None
    assert (result.strategy.name, result.strategy.python_code) == ("Hold", f"# name: Hold\n{HOLD}")
