"""The application under test: a shop that sends receipts, charges cards and cleans up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from abaca import App, Ctx, Retry

app = App("redis://cache.internal:6379/0")  # production; the tests never reach it


@dataclass(frozen=True)
class Order:
    number: int
    total: float
    placed_at: datetime


class CardDeclined(Exception):
    """The bank says no; asking again would not help."""


class Bank:
    """Stands for a service that is sometimes away."""

    def charge(self, number: int, total: float) -> str:
        raise ConnectionError("no bank in tests")


bank = Bank()
outbox: list[str] = []


@app.task(queue="mail")
async def send_receipt(to: str, order: Order) -> None:
    outbox.append(f"{to}: order {order.number}, {order.total:.2f}")


@app.task(queue="payments", retry=Retry(max_attempts=5, on=(ConnectionError,), backoff="fixed"))
def charge(ctx: Ctx, order: Order, email: str) -> str:
    receipt = bank.charge(order.number, order.total)
    send_receipt.enqueue_sync(email, order)
    return receipt


@app.task
async def remind(to: str, number: int) -> None:
    outbox.append(f"{to}: how did you like order {number}?")


@app.task(pool="process")
def thumbnail(path: str) -> str:
    return path.replace(".png", ".thumb.png")


@app.cron("0 3 * * *")
@app.task
async def clean_up() -> str:
    outbox.clear()
    return "clean"


async def place(order: Order, email: str) -> None:
    """What a request handler calls."""
    await charge.enqueue(order, email)
    await remind.opts(delay="7d").enqueue(email, order.number)
