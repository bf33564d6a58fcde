"""The cache: equal submissions are jobs of their own and are compiled once."""

from __future__ import annotations

import asyncio

import pytest

from abaca import App
from abaca_compile.model import CachePolicy, Submission
from abaca_compile.plugin import PLUGIN
from abaca_compile.service.compiler import Compiler
from abaca_compile.service.submitting import By, submit
from tests.compile_service.conftest import announced
from tests.compile_service.machine import BAD, GOOD, Machine, equipped, open_machine
from tests.http.harness import Api

TIMES = ["memory", "sqlite", pytest.param("redis", marks=pytest.mark.redis)]


@pytest.fixture(params=TIMES)
def url(request: pytest.FixtureRequest) -> str:
    """Each store in turn."""
    if request.param == "memory":
        return "memory://"
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


class Gate(Machine):
    """Compiles when it is opened. ``began`` is set by the first compilation that waits there."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine._sandbox, machine._engine)
        self.open = asyncio.Event()
        self.began = asyncio.Event()

    async def build(self, compilation):  # type: ignore[no-untyped-def]
        self.began.set()
        await self.open.wait()
        return await super().build(compilation)


async def gated(app: App) -> Gate:
    gate = Gate(await open_machine())
    Compiler.of(app).use(gate)
    return gate


async def test_equal_submissions_at_one_time_share_one_run(url: str) -> None:
    # Given a compilation that goes on
    app = equipped(url)
    gate = await gated(app)
    compiler = Compiler.of(app)
    async with app, app.worker(queues=PLUGIN.queues):
        await announced(compiler)
        source = Submission(source_code=BAD, language="c")
        first = await submit(compiler, source, By())
        await gate.began.wait()
        # When others ask for the same, more of them than there are slots
        others = [await submit(compiler, source, By()) for _ in range(6)]
        # And another source is submitted, it is not held up by those that wait
        gate.open.set()
        good = await (await submit(compiler, Submission(source_code=GOOD, language="c"), By())).result(timeout=30)
        answers = [await job.result(timeout=30) for job in (first, *others)]
    # Then each is a job of its own, with the same verdict, and two sources were compiled
    assert good.result.compiled
    assert len({first.id, *(job.id for job in others)}) == 7
    assert [answer.result.compiled for answer in answers] == [False] * 7
    assert len(gate.ran) == 2
    assert [answer.result.cache is not None and answer.result.cache.hit for answer in answers] == [False] + [True] * 6


async def test_whoever_compiles_for_all_may_be_cancelled_and_the_others_get_their_answer() -> None:
    # Given a compilation that goes on, and another job that waits for its answer
    app = equipped()
    gate = await gated(app)
    compiler = Compiler.of(app)
    async with app, app.worker(queues=PLUGIN.queues, beat=0.1):
        await announced(compiler)
        source = Submission(source_code=GOOD, language="c")
        first = await submit(compiler, source, By())
        await gate.began.wait()
        other = await submit(compiler, source, By())
        # When the first is cancelled
        await first.cancel()
        await first.outcome(timeout=30)
        gate.open.set()
        # Then the other is compiled
        assert (await other.result(timeout=30)).result.compiled


@pytest.mark.parametrize(
    ("policy", "hit", "runs"),
    [(CachePolicy.USE, True, 1), (CachePolicy.BYPASS, False, 2), (CachePolicy.REFRESH, False, 2)],
)
async def test_a_submission_says_whether_it_wants_an_answer_that_is_there(
    policy: CachePolicy, hit: bool, runs: int
) -> None:
    app = equipped()
    compiler = Compiler.of(app)
    machine = await open_machine()
    compiler.use(machine)
    async with app, app.worker(queues=PLUGIN.queues):
        await announced(compiler)
        await (await submit(compiler, Submission(source_code=GOOD, language="c"), By())).result(timeout=30)
        asked = Submission(source_code=GOOD, language="c", cache=policy)
        answer = await (await submit(compiler, asked, By())).result(timeout=30)
    assert answer.result.cache is not None
    assert (answer.result.cache.hit, len(machine.ran)) == (hit, runs)


async def test_what_a_limit_ended_is_compiled_again(api: Api) -> None:
    # Given a source that takes longer than it may
    slow = {"source_code": SLOW, "language": "c", "flags": ["-O2"], "limits": {"wall_ms": 150}}
    first = (await api.post("/compile?wait=30", slow)).json()
    assert (first["status"], first["outcome"], first["limit"]) == ("timeout", "timeout", "wall")
    # Then the next one is compiled for itself
    assert (await api.post("/compile?wait=30", slow)).json()["cache"]["hit"] is False


SLOW = "".join(f"#define A{n + 1} A{n} A{n} A{n} A{n}\n" for n in range(12)).replace("A0 A0", "x++; x++;") + (
    "int main(void) { int x = 0; A12 return x; }\n"
)


async def test_the_cache_says_how_much_it_answered_and_forgets(api: Api) -> None:
    # Given
    for _ in range(3):
        await api.post("/compile?wait=30", {"source_code": GOOD, "language": "c"})
    # When
    assert (await api.get("/compile/cache/stats")).json()["entries"] == 1
    assert (await api.delete("/compile/cache")).json() == {"cleared": 1}
    # Then
    again = await api.post("/compile?wait=30", {"source_code": GOOD, "language": "c"})
    assert again.json()["cache"]["hit"] is False
