"""A batch: submit many jobs in one round trip, then collect all of them, the failed ones included."""

from __future__ import annotations

import asyncio

from examples.result_backend.shop import app, quote, some_worker

ORDERS = [("lamp", 2), ("chair", 6), ("sofa", 1), ("table", 1), ("lamp", 10)]


async def main() -> None:
    async with some_worker():
        jobs = await app.enqueue_many(quote.call(item, quantity) for item, quantity in ORDERS)
        outcomes = await asyncio.gather(*(job.outcome(timeout=30) for job in jobs))

    for (item, quantity), outcome in zip(ORDERS, outcomes, strict=True):
        if outcome.value is not None:
            print(f"{quantity:>3} x {item:<6} {outcome.value.total / 100:>10.2f}")
        else:
            print(f"{quantity:>3} x {item:<6} {outcome.status}: {outcome.error.message if outcome.error else ''}")
    total = sum(outcome.value.total for outcome in outcomes if outcome.value is not None)
    print(f"{sum(outcome.is_success for outcome in outcomes)} of {len(outcomes)} quoted, {total / 100:.2f} in all")


if __name__ == "__main__":
    asyncio.run(main())
