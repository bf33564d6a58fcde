"""Code that wants out, wants everything, or lies about what came of it."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from abaca import App
from abaca_strategies.packed import Packed
from abaca_strategies.requests import PythonAgentRequest
from abaca_strategies.running.runner import Runner
from abaca_strategies.running.work import Backtest, Cell
from abaca_strategies.strategies import Strategies
from tests.sandbox.baiting import Bait
from tests.sandbox.hosts import FORK_BOMB
from tests.sandbox.test_escapes import EXPECTED, attempts_against
from tests.sandbox.test_preloaded import OTHERWISE
from tests.strategies_service.authors import CROSS

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def bait() -> Iterator[Bait]:
    with tempfile.TemporaryDirectory() as folder:
        bait = Bait(Path(folder))
        try:
            yield bait
        finally:
            bait.close()


def attempts(bait: Bait) -> str:
    """The attempts that the sandbox is tested with, as a cell whose result is what came of each."""
    told = json.dumps([str(bait.port), bait.abstract, str(bait.path)])
    code = attempts_against(bait).partition('if __name__ == "__main__":')[0]
    code += f"\ndef main():\n    port, *places = {told}\n    reach_the_network_and_the_kernel(int(port), *places)"
    return code + "\n    undo_the_isolation()\n    return RESULTS\n"


def check_refused(found: dict[str, Any], bait: Bait) -> None:
    """Each attempt met what it should, and nobody was reached."""
    wanted = {**EXPECTED, **OTHERWISE}
    assert {name: answer for name, answer in found.items() if answer not in wanted[name]} == {}
    assert set(found) == set(EXPECTED)
    assert bait.visits == 0


async def test_every_way_out_is_refused_in_a_cell(runner: Runner, bait: Bait) -> None:
    # Given the attempts that the sandbox is tested with, When a cell makes them
    ran = await runner.cell(Cell(code=attempts(bait)))
    # Then each is refused as ever
    assert ran.value is not None, ran.failure
    (found,) = ran.value.result
    check_refused(found, bait)


@pytest.mark.timeout(180)
async def test_every_attack_of_an_agent_ends_as_its_own_job_and_harms_no_other(
    prepared: None, bait: Bait, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given the attempts and all greedy code as jobs of an agent, each with a modest one behind it
    monkeypatch.setenv("ABACA_STRATEGIES_CELL_WALL", "15")
    async with App("memory://", plugins=["strategies"]) as app:
        python_agent = Strategies.of(app).python_agent
        escaping = await python_agent.enqueue(PythonAgentRequest(code=attempts(bait)))
        greedy = {name: await python_agent.enqueue(PythonAgentRequest(code=code)) for name, (code, _) in GREEDY.items()}
        modest = [await python_agent.enqueue(PythonAgentRequest(code="1 + 1")) for _ in GREEDY]
        # When a worker runs them
        async with app.worker(queues=["strategies"]):
            escaped = await escaping.result(timeout=150)
            ended = {name: await job.result(timeout=150) for name, job in greedy.items()}
            served = [await job.result(timeout=150) for job in modest]
    # Then nothing got out
    assert escaped.success, escaped.error
    check_refused(escaped.result[0], bait)
    # And each greedy one is a finished job with its reason, and the others are served
    for name, result in ended.items():
        reasons = GREEDY[name][1]
        assert not result.success, name
        assert "error" in reasons or (result.error or "").partition(":")[0] in reasons, (name, result.error)
    assert [result.result for result in served] == [[2]] * len(GREEDY)


GREEDY = {
    "never ends": ("while True: pass", {"timeout"}),
    "sleeps": ("import time\ntime.sleep(1000)", {"timeout"}),
    "eats memory": ("import time\nheld = np.ones(1 << 28)\ntime.sleep(1000)", {"memory_limit"}),
    "eats memory bit by bit": ("held = []\nwhile True: held.append(np.ones(1 << 20))", {"memory_limit"}),
    "writes past the prints": ("import os\nwhile True: os.write(1, b'y' * 65536)", {"output_limit"}),
    "forks": (FORK_BOMB, {"timeout", "process_limit"}),
    "fills the folder": ("while True: open('x', 'ab').write(b'y' * (1 << 20))", {"file_limit", "error", "crashed"}),
    "crashes": ("import ctypes\nctypes.string_at(0)", {"crashed"}),
    "leaves at once": ("import os\nos._exit(0)", {"crashed"}),
    "answers too much": ("result = list(range(2_000_000))", {"too_large"}),
    "nests without end": ("result = []\nfor _ in range(1000): result = [result]", {"too_large"}),
}


@pytest.mark.parametrize("name", GREEDY)
async def test_greedy_code_ends_with_its_reason_while_others_run_on(runner: Runner, name: str) -> None:
    # Given code that takes all it can, beside a cell that does not
    code, reasons = GREEDY[name]
    seconds = 4 if "timeout" in reasons else 30
    # When both are run
    greedy, modest = await asyncio.gather(runner.cell(Cell(code=code), seconds=seconds), runner.cell(Cell(code="1")))
    # Then the one ends for a reason, and the other well
    assert greedy.value is None
    assert greedy.failure is not None
    assert greedy.failure.reason in reasons
    assert modest.failure is None


async def test_prints_beyond_the_cap_are_cut_and_the_code_goes_on(runner: Runner) -> None:
    # Given a cell that prints more than is kept, When it is run
    ran = await runner.cell(Cell(code="for _ in range(3000): print('y' * 1000)\nresult = 1"))
    # Then it ends well, with the first of it
    assert ran.value is not None
    assert len(ran.prints) <= 1 << 20
    assert ran.warnings == ["more was printed than is kept"]


LEAVE = """
import json, os
def leave(value, **more):
    open('/work/answer.json', 'w').write(json.dumps({"value": value, "answer": more}))
    os._exit(0)
"""
LIES = {
    "no JSON": "open('/work/answer.json', 'w').write('{'); os._exit(0)",
    "another type": "leave({'success': 'yes'})",
    "not a number": "leave({'result': [float('nan')]})",
    "a huge number": "leave({'result': [10 ** 400]})",
    "a deep nest": "open('/work/answer.json','w').write('[' * 100000); os._exit(0)",
    "nothing": "leave(None)",
    "a link": "os.symlink('/etc/passwd', '/work/answer.json'); os._exit(0)",
}


@pytest.mark.parametrize("name", LIES)
async def test_what_is_no_answer_is_taken_for_none(runner: Runner, name: str) -> None:
    # Given code that leaves an answer of its own making, When it is run
    ran = await runner.cell(Cell(code=LEAVE + LIES[name]))
    # Then it is a failure of the code
    assert ran.value is None
    assert ran.failure is not None
    assert ran.failure.reason in {"bad_answer", "crashed"}


async def test_a_backtest_that_contradicts_itself_is_refused(runner: Runner, market: Packed) -> None:
    # Given a strategy that has the engine's counts changed
    code = (
        CROSS
        + """
import abaca_strategies.running.inside.doing as doing
made = doing.backtest_result
def forged(*arguments, **named):
    import msgspec
    result = made(*arguments, **named)
    summary = msgspec.structs.replace(result.summary, positive_instances=result.summary.total_instances + 1)
    return msgspec.structs.replace(result, summary=summary)
doing.backtest_result = forged
"""
    )
    # When it is run
    ran = await runner.backtest(Backtest(code=code), market)
    # Then there is no result
    assert ran.failure is not None
    assert ran.failure.reason == "bad_answer"
