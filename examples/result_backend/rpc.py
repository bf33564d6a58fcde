"""RPC: call a task in another process as if it were a function, and get its value or its error."""

from __future__ import annotations

import asyncio

from abaca import JobFailed, ResultTimeout
from examples.result_backend.shop import quote, some_worker, stocktake


async def main() -> None:
    async with some_worker():
        answer = await quote.run("chair", 4)  # typed: a Quote
        print(f"{answer.quantity} x {answer.item}: {answer.total / 100:.2f}")

        try:
            await quote.run("sofa", 1)
        except JobFailed as error:
            print(f"refused: {error.message}")

        impatient = stocktake.opts(wait="200ms", cancel_on_timeout=True)
        try:
            await impatient.run(seconds_per_item=30)
        except ResultTimeout:
            print("too slow: gave up after 200 ms, and the job was told to stop")


if __name__ == "__main__":
    asyncio.run(main())
