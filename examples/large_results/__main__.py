"""``python -m examples.large_results``: a report of 3 MB that is kept in a folder and read piece by piece."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from abaca import App

FOLDER = Path("results").absolute()
app = App(results=FOLDER.as_uri(), results_above="64kB", max_payload=20_000_000)


@app.task
def report(size: int) -> bytes:
    return hashlib.shake_128(b"report").digest(size)


def sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.rglob("*") if path.is_file()]


async def main() -> None:
    async with app, app.worker():
        job = await report.enqueue(3_000_000)
        received = 0
        async for piece in job.stream_result(timeout=30):
            received += len(piece)  # or write it into a file, or send it on
        record = await job.info()
        print(f"received {received:,} bytes")
        print(f"the record holds a reference: {len(record.result or b'') < 250}")
        print(f"the folder holds one blob of more than 3 MB: {[size > 3_000_000 for size in sizes(FOLDER)] == [True]}")
        await job.forget()
        print(f"forgotten: {sizes(FOLDER) == []}")


if __name__ == "__main__":
    asyncio.run(main())
