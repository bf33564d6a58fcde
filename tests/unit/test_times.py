"""Deadlines, expiry, tenants and edges as options of a task and of one call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from abaca import App, ConfigError, When
from abaca.backend import MAX_PARENTS
from abaca.model import After
from abaca.policy.builtin import JOIN, WEBHOOK

app = App("memory://")


@app.task
async def work(n: int = 0) -> int:
    return n


@app.task(start_within=30, expires="1m", tenant="acme")
async def urgent(n: int = 0) -> int:
    return n


def test_options_of_the_task_hold_for_its_calls_unless_they_say_otherwise() -> None:
    job = urgent.call().job
    assert (job.start_within_ms, job.expires_ms, job.tenant) == (30_000, 60_000, "acme")
    other = urgent.opts(start_within="5s", expires="10s", tenant="globex").call().job
    assert (other.start_within_ms, other.expires_ms, other.tenant) == (5_000, 10_000, "globex")
    assert (work.call().job.start_within_ms, work.call().job.expires_ms) == (None, None)


def test_a_job_may_wait_for_stored_ones_and_for_calls() -> None:
    first, second = work.call(1), work.job("0" * 32)
    assert work.opts(after=first).call().job.after == (After(ids=(first.id,)),)
    job = work.opts(after=[first, second], when="ended").call().job
    assert job.after == (After(ids=(first.id, second.id), when=When.ENDED),)
    assert work.opts(after=app.workflow("1" * 32), when=When.FAILED).call().job.after[0].when is When.FAILED


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: work.opts(start_within=30, delay=60), ["start_within=", "delay="]),
        (lambda: work.opts(start_within=30).opts(delay=60), ["start_within=", "delay="]),
        (lambda: work.opts(start_within=30, run_at=datetime.now(UTC)), ["start_within=", "run_at="]),
        (lambda: work.opts(start_within=30, debounce=5), ["start_within=", "delay="]),
        (lambda: urgent.opts(delay=60), ["'urgent'", "start_within=", "delay="]),
        (lambda: urgent.opts(run_at=datetime.now(UTC)), ["'urgent'", "start_within=", "run_at="]),
        (lambda: work.opts(expires=30, delay=60), ["expires=", "delay=", "30 s", "60 s"]),
        (lambda: work.opts(expires=30).opts(delay=30), ["expires=", "delay="]),
        (lambda: app.task(expires=30)(_another).opts(delay=60), ["'_another'", "expires=", "delay="]),
        (lambda: work.opts(start_within=0), ["start_within"]),
        (lambda: work.opts(expires=-1), ["expires"]),
        (lambda: app.task(start_within="soon")(_another), ["'_another'", "start_within"]),
        (lambda: app.task(expires=0)(_another), ["'_another'", "expires"]),
        (lambda: app.task(tenant="")(_another), ["'_another'", "tenant"]),
        (lambda: work.opts(when="ended"), ["when=", "after="]),
        (lambda: work.opts(after=[]), ["after="]),
        (lambda: work.opts(after=[work.job("a"), work.job("a")]), ["after=", "twice"]),
        (lambda: work.opts(after=work.job("a"), when="never"), ["'never'"]),  # type: ignore[arg-type]
        (lambda: work.opts(after="a"), ["after="]),  # type: ignore[arg-type]
        (lambda: work.opts(after=[work.job(str(n)) for n in range(MAX_PARENTS + 1)]), ["10,001", "10,000"]),
        (lambda: app.task(name=JOIN)(_another), [JOIN]),
        (lambda: app.task(name=WEBHOOK)(_another), [WEBHOOK]),
    ],
)
def test_what_cannot_be_is_refused_with_the_names(make: Callable[[], Any], words: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        make()
    assert [word for word in words if word not in str(refused.value)] == []


async def _another(n: int = 0) -> None: ...


async def test_a_call_by_name_is_checked_likewise() -> None:
    with pytest.raises(ConfigError, match=r"'urgent'.*start_within="):
        await app.enqueue_by_name("urgent", delay=timedelta(seconds=3))
    with pytest.raises(ConfigError, match="expires="):
        await app.enqueue_by_name("work", delay=60, expires=30)
    first = await app.enqueue_by_name("work", tenant="acme", start_within=3)
    second = await app.enqueue_by_name("work", after=first, when="ended")
    assert (await second.info()).open_parents == 1
    await app.close()


@pytest.mark.parametrize("call", [urgent.call(), work.opts(after=work.job("a")).call()])
async def test_a_schedule_refuses_a_job_with_a_deadline_or_parents(call: Any) -> None:
    with pytest.raises(ConfigError, match=r"schedule 's'.*(start_within|after)="):
        await app.schedules.create("s", call, every=60)


def test_a_declared_schedule_refuses_a_task_with_a_deadline() -> None:
    with pytest.raises(ConfigError, match=r"'urgent'.*start_within="):
        app.every("1m")(urgent)
