"""``python -m examples.workflow``: a chain, a group and a graph with a failure that is made good, in one process."""

from __future__ import annotations

import asyncio

from abaca import Abort, App, JobFailed, When, Workflow, chain, group

app = App()
card_is_valid = asyncio.Event()


@app.task
async def words(text: str) -> list[str]:
    return text.split()


@app.task
async def count(found: list[str]) -> int:
    return len(found)


@app.task
async def add_up(counts: list[int]) -> int:
    return sum(counts)


@app.task
async def reserve(item: str) -> str:
    return f"reservation of {item}"


@app.task
async def pay(reservation: str) -> str:
    if not card_is_valid.is_set():
        raise Abort("the card is not valid")
    return f"{reservation}, paid"


@app.task
async def release(item: str) -> None:
    print(f"{item} is released")


@app.task
async def ship(paid: str) -> str:
    return f"{paid}, shipped"


async def main() -> None:
    async with app, app.worker():
        print("a chain:", await chain(words.call("to be or not"), count).run(timeout=20))
        texts = ["one", "two words", "now three words"]
        print("a group:", await group(words.call(text) for text in texts).run(timeout=20))
        print("and on:", await group(count.call(text.split()) for text in texts).then(add_up).run(timeout=20))

        order = Workflow("order")
        reserved = order.add(reserve, "a book")
        paid = order.add(pay, reserved)
        order.add(release.call("the book")).after(paid, when=When.FAILED)
        shipped = order.add(ship, paid)
        workflow = await order.enqueue()
        try:
            await workflow.result(timeout=20)
        except JobFailed as error:
            print(f"the order: {error.type}")
        progress = await workflow.progress()
        print({status.value: number for status, number in sorted(progress.counts.items())})

        card_is_valid.set()
        print(f"{await workflow.requeue()} jobs run again")
        await workflow.result(timeout=20)
        print(await order.job(shipped).result())


if __name__ == "__main__":
    asyncio.run(main())
