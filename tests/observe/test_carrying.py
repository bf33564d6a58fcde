"""What jobs carry from where they are enqueued, and how much of it."""

from __future__ import annotations

from typing import Any

import pytest

from abaca import App
from abaca.backends.memory import MemoryBackend
from abaca.carrying import MOST_BYTES, MOST_ENTRIES, carrying
from abaca.errors import ConfigError
from abaca.model import JobEnd, Query
from abaca.workflows import chain


@pytest.fixture
def app() -> App:
    return App(backend=MemoryBackend())


async def carriers(app: App) -> dict[str, dict[str, str]]:
    return {job.spec.task: job.spec.carrier for job in (await app.find(Query(limit=100))).jobs}


async def test_a_job_carries_what_surrounds_its_enqueue_and_nothing_otherwise(app: App) -> None:
    # Given two tasks
    @app.task
    async def inside() -> None: ...

    @app.task
    async def outside() -> None: ...

    # When one is enqueued within a request and one outside of it
    async with app:
        with carrying({"x-request-id": "req-7"}), carrying({"traceparent": "00-1-2-01"}):
            await inside.enqueue()
        await outside.enqueue()
        # Then only the first carries the request
        found = await carriers(app)
    assert found == {"inside": {"x-request-id": "req-7", "traceparent": "00-1-2-01"}, "outside": {}}


async def test_follow_ups_carry_what_their_job_does(app: App) -> None:
    # Given a task that is followed by another, and by a workflow's next step
    @app.task
    async def first() -> int:
        return 1

    @app.task
    async def second(n: int) -> int:
        return n

    @app.task
    async def alarm(end: JobEnd[int]) -> None: ...

    # When both are enqueued for a request, and have run
    async with app, app.worker():
        with carrying({"x-request-id": "req-7"}):
            job = await first.opts(on_success=alarm).enqueue()
            steps = await chain(first.call(), second).enqueue()
        await job.result(timeout=30)
        await steps.result(timeout=30)
        # Then all of them carry it
        found = await carriers(app)
    assert found == {name: {"x-request-id": "req-7"} for name in ("first", "second", "alarm")}


@pytest.mark.parametrize(
    ("carrier", "named"),
    [
        ({f"n{n}": "v" for n in range(MOST_ENTRIES + 1)}, f"the limit is {MOST_ENTRIES}"),
        ({"small": "v", "large": "v" * MOST_BYTES}, "'large'"),
        ({"number": 7}, "'number'"),
    ],
)
def test_a_carrier_that_is_too_large_is_refused_by_name(carrier: Any, named: str) -> None:
    # Given what is too much to carry
    # When it is to be carried
    # Then it is refused, and the refusal names it
    with pytest.raises(ConfigError, match=named), carrying(carrier):
        pass
