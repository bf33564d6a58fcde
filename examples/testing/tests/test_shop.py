"""How a project tests its jobs: the fixture `abaca` is the app of `pytest.ini` with its jobs in memory."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from abaca import JobFailed, Status
from abaca.testing import Harness
from examples.testing import shop
from examples.testing.shop import Order

ORDER = Order(number=7, total=12.5, placed_at=datetime(2030, 1, 1, tzinfo=UTC))


class ShakyBank(shop.Bank):
    """Away for the first two calls."""

    def __init__(self) -> None:
        self.calls = 0

    def charge(self, number: int, total: float) -> str:
        self.calls += 1
        if self.calls < 3:
            raise ConnectionError("the bank is away")
        return f"paid {total}"


class StrictBank(shop.Bank):
    def charge(self, number: int, total: float) -> str:
        raise shop.CardDeclined("no money")


@pytest.fixture(autouse=True)
def outbox() -> list[str]:
    shop.outbox.clear()
    return shop.outbox


async def test_what_was_enqueued_is_there_with_typed_arguments(abaca: Harness) -> None:
    await shop.place(ORDER, "ann@example.org")

    (call,) = abaca.enqueued(shop.charge)
    assert call.arguments == {"order": ORDER, "email": "ann@example.org"}  # an Order again, after its trip as JSON
    (reminder,) = abaca.enqueued(shop.remind)
    assert reminder.delay == 7 * 86_400


async def test_a_drain_runs_retries_and_what_jobs_enqueue(
    abaca: Harness, monkeypatch: pytest.MonkeyPatch, outbox: list[str]
) -> None:
    monkeypatch.setattr(shop, "bank", ShakyBank())
    job = await shop.charge.enqueue(ORDER, "ann@example.org")

    drained = await abaca.drain()

    assert await job.result() == "paid 12.5"
    assert (await job.outcome()).attempts == 3
    assert outbox == ["ann@example.org: order 7, 12.50"]
    assert len(drained.completed) == 2


async def test_the_clock_is_the_tests(abaca: Harness, outbox: list[str]) -> None:
    await shop.remind.opts(delay="7d").enqueue("ann@example.org", 7)
    await abaca.drain()
    assert outbox == []  # not due

    abaca.clock.advance("7d")
    await abaca.drain()
    assert outbox == ["ann@example.org: how did you like order 7?"]


async def test_delays_are_passed_over_when_asked(abaca: Harness, outbox: list[str]) -> None:
    await shop.remind.opts(delay="7d").enqueue("ann@example.org", 7)
    await abaca.drain(delays=True)
    assert len(outbox) == 1


async def test_a_failure_is_loud(abaca: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop, "bank", StrictBank())
    await shop.charge.enqueue(ORDER, "ann@example.org")
    with pytest.raises(JobFailed, match="no money"):
        await abaca.drain()


async def test_a_failure_can_be_what_is_asked_for(abaca: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop, "bank", StrictBank())
    job = await shop.charge.enqueue(ORDER, "ann@example.org")
    drained = await abaca.drain(check=False)
    assert [failed.id for failed in drained.failed] == [job.id]
    assert await job.status() is Status.FAILED


async def test_schedules_fire_by_the_tests_clock(abaca: Harness) -> None:
    await abaca.drain()
    assert abaca.enqueued(shop.clean_up) == []
    abaca.clock.advance("1d")
    assert len(await abaca.drain()) == 1
    assert len(abaca.enqueued(shop.clean_up)) == 1


def test_it_works_without_an_event_loop(abaca: Harness) -> None:
    job = shop.thumbnail.enqueue_sync("cat.png")
    abaca.drain_sync()
    assert job.result_sync() == "cat.thumb.png"


def test_each_test_begins_with_an_empty_store(abaca: Harness) -> None:
    assert abaca.enqueued() == []
