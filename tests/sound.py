"""After each test: the store that it used agrees with its own records, and nothing of it was ever repaired."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from abaca.backends import open_backend
from abaca.backends.sqlite.settings import parse_url
from abaca.model import Fault


def exists(url: str) -> bool:
    return not url.startswith("sqlite:") or Path(parse_url(url).path).exists()


def judged(url: str) -> tuple[list[Fault], int]:
    """The faults of a store, and how many entries of it were repaired. On a loop of its own, whatever the test's is."""

    async def judge() -> tuple[list[Fault], int]:
        store = open_backend(url)
        await store.open()
        try:
            return await store.audit(), (await store.stats()).repaired
        finally:
            await store.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, judge()).result()
