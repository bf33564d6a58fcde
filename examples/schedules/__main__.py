"""``python -m examples.schedules``: a schedule, a debounced and a unique call, a full queue, in one process."""

from __future__ import annotations

import asyncio

from abaca import App, Ctx

app = App()
ticks = asyncio.Event()
seen: list[str] = []


@app.every("1s", overlap="skip")
async def heartbeat(ctx: Ctx) -> None:
    seen.append(ctx.job_id)
    if len(seen) >= 2:
        ticks.set()


@app.task
async def index(document: str, revision: int) -> str:
    return f"{document} at revision {revision}"


async def main() -> None:
    async with app, app.worker():
        await ticks.wait()
        print(f"two ticks made two jobs: {len(set(seen)) == len(seen)}")

        jobs = [await index.opts(debounce="500ms", key="doc-7").enqueue("doc-7", revision) for revision in (1, 2, 3)]
        print(f"three calls, {len({job.id for job in jobs})} job: {await jobs[0].result(timeout=20)}")

        first = await index.opts(unique="1m").enqueue("doc-8", 1)
        second = await index.opts(unique="1m").enqueue("doc-8", 1)
        print(f"asked twice, the same job: {first.id == second.id}")

        await app.queues.limit_length("small", 1)
        await app.queues.overflow("small", "shed-lowest")
        usual = await index.opts(queue="small").enqueue("doc-9", 1)
        urgent = await index.opts(queue="small", priority="high").enqueue("doc-9", 2)
        print(f"a full queue: the first is {await usual.status()}, the urgent one {await urgent.status()}")


if __name__ == "__main__":
    asyncio.run(main())
