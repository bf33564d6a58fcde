"""``python -m examples.batches``: ten jobs in one call, one of which fails alone."""

from __future__ import annotations

import asyncio

from abaca import App, Retry

app = App()
calls: list[int] = []


@app.task(batch=10, linger="30s", retry=Retry(max_attempts=1))
async def word_count(texts: list[str]) -> list[int | Exception]:
    calls.append(len(texts))
    return [len(text.split()) if text else ValueError("there is no text") for text in texts]


async def main() -> None:
    texts = ["", *("word " * n for n in range(1, 10))]
    async with app, app.worker():
        jobs = await app.enqueue_many(word_count.opts(tags=["example"]).call(text) for text in texts)
        print(f"results: {[await job.result(timeout=20) for job in jobs[1:]]}")
        print(f"calls of the handler: {len(calls)}")
        outcome = await jobs[0].outcome(timeout=20)
        print(f"the one without text: {outcome.status}, {outcome.error}")


if __name__ == "__main__":
    asyncio.run(main())
