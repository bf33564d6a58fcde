"""Submit now, look later: keep the job's id, and ask for the result from anywhere, at any time."""

from __future__ import annotations

import asyncio

from examples.result_backend.shop import some_worker, stocktake


async def submit() -> str:
    """What a web handler does: answer at once, with the id."""
    job = await stocktake.opts(tags=["nightly"]).enqueue(seconds_per_item=0.2)
    return job.id


async def look(id: str) -> str:
    """What a later request does. ``peek`` never waits."""
    outcome = await stocktake.job(id).peek()
    if outcome is None:
        return "not yet"
    return f"{outcome.status} with {outcome.value}" if outcome.is_success else f"{outcome.status}: {outcome.error}"


async def main() -> None:
    async with some_worker():
        id = await submit()
        print(f"accepted; first look: {await look(id)}")
        async for update in stocktake.job(id).updates():  # live, in order, and ends by itself
            if update.kind == "progress":
                print(f"progress {update.value['done']} of {update.value['total']}: {update.value['message']}")
        print(f"second look: {await look(id)}")


if __name__ == "__main__":
    asyncio.run(main())
