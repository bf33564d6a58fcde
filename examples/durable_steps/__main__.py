"""``python -m examples.durable_steps``: an order that fails once, sleeps, and waits for an approval, in one process."""

from __future__ import annotations

import asyncio

from abaca import App, Ctx, Retry

app = App()
done: list[str] = []


def reserve(item: str) -> str:
    done.append(f"reserve {item}")
    return f"reservation of {item}"


async def charge(customer: str, cents: int, *, key: str) -> str:
    done.append(f"charge {customer}")
    return f"{cents} cents from {customer}"


@app.task(retry=Retry(max_attempts=3, backoff="none"))
async def order(ctx: Ctx, customer: str, item: str) -> str:
    done.append("run")
    await ctx.step("reserve", reserve, item)
    if ctx.attempt == 1:
        raise ConnectionError("the payment service is away")
    receipt = await ctx.step("charge", charge, customer, 995, key=ctx.step_key("charge"))
    await ctx.sleep("200ms")
    approver: str = await ctx.wait_event("approved", timeout="2d", type=str)
    return f"{receipt}, approved by {approver}"


async def main() -> None:
    async with app, app.worker():
        job = await order.enqueue("ann", "a book")
        print(f"sent: {await job.send_event('approved', 'bob')}")
        print(f"another approval: {await job.send_event('approved', 'carl')}")
        print(await job.result(timeout=20))
        print(f"in {done.count('run')} runs: {', '.join(word for word in done if word != 'run')}")


if __name__ == "__main__":
    asyncio.run(main())
