"""``on_success`` and ``on_failure`` as tasks and calls declare them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from abaca import App, ArgumentError, ConfigError, Ctx, JobEnd, Limit, PayloadTooLarge
from abaca.callbacks import MOST_CALLBACKS
from abaca.model import When
from abaca.options import TaskOptions

app = App("memory://")


@app.task(queue="mail", tags=["alert"])
async def alert(ctx: Ctx, end: JobEnd[object], to: str = "ops", *, loud: bool = False) -> None: ...


@app.task
async def stored(end: JobEnd[int]) -> None: ...


@app.task
async def plain(n: int) -> int:
    return n


@app.task(on_failure=alert, on_success=[stored])
async def watched(n: int) -> int:
    return n


def shapes(job: Any) -> list[tuple[When, str, str, Any]]:
    return [(c.when, c.job.task, c.into, msgspec.json.decode(c.job.args)) for c in job.callbacks]


def test_a_task_and_a_call_name_what_follows() -> None:
    # When a call of a plain task asks for callbacks
    job = plain.opts(on_success=stored, on_failure=alert.callback("me", loud=True)).call(1).job
    # Then they travel with the job
    assert shapes(job) == [
        (When.COMPLETED, "stored", "end", {}),
        (When.FAILED, "alert", "end", {"to": "me", "loud": True}),
    ]
    # And with the options of their own tasks
    assert (job.callbacks[1].job.queue, job.callbacks[1].job.lane, job.callbacks[1].job.tags) == (
        "mail",
        "async",
        ("alert",),
    )


def test_a_calls_own_callbacks_come_beside_those_of_its_task() -> None:
    job = watched.opts(on_success=alert).opts(on_success=alert.callback("you")).call(1).job
    assert [task for _, task, _, _ in shapes(job)] == ["stored", "alert", "alert", "alert"]
    assert len(watched.call(1).job.callbacks) == 2


def test_a_callback_takes_options_of_its_own() -> None:
    job = plain.opts(on_success=stored.opts(queue="late", delay=5, throttle="1m")).call(1).job
    new = job.callbacks[0].job
    assert (new.queue, new.delay_ms, new.key) == ("late", 5000, "task:stored")


def test_a_callback_may_have_callbacks() -> None:
    job = plain.opts(on_success=stored.opts(on_failure=alert)).call(1).job
    assert job.callbacks[0].job.callbacks[0].job.task == "alert"


def test_a_callback_keeps_its_limits() -> None:
    limited = App("memory://")

    @limited.task(limits=[Limit(concurrency=1, per="to")])
    async def call(end: JobEnd[object], to: str) -> None: ...

    @limited.task(on_failure=call.callback("ann"))
    async def work() -> None: ...

    assert [limit.bucket for limit in work.call().job.callbacks[0].job.limits] == ['task:call:1:"ann"']


async def test_who_calls_by_name_gets_the_tasks_callbacks() -> None:
    # Given what a worker announces
    options = msgspec.json.decode(msgspec.json.encode(watched.options), type=TaskOptions)
    # Then the callbacks are in it, whole
    assert options.callbacks == watched.options.callbacks
    job = await app.named_job("watched", {"n": 1})
    assert job.callbacks == watched.options.callbacks


@pytest.mark.parametrize("given", [3, "alert", plain, [stored, None]])
def test_what_cannot_be_called_back_is_refused(given: Any) -> None:
    with pytest.raises(ConfigError, match=r"JobEnd"):
        plain.opts(on_success=given)


def test_arguments_of_a_callback_are_checked_when_it_is_declared() -> None:
    with pytest.raises(ArgumentError, match="'to'"):
        alert.callback(3)  # type: ignore[arg-type]
    with pytest.raises(PayloadTooLarge, match="every job carries them"):
        alert.callback("x" * 20_000)


def test_a_required_argument_must_be_given() -> None:
    needy = App("memory://")

    @needy.task
    async def call(end: JobEnd[object], to: str) -> None: ...

    with pytest.raises(ArgumentError, match="to"):
        plain.opts(on_failure=call)  # type: ignore[arg-type]


def test_too_many_callbacks_are_refused() -> None:
    with pytest.raises(ConfigError, match="16 are possible"):
        watched.opts(on_success=[stored] * (MOST_CALLBACKS - 1)).call(1)
