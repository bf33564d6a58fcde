"""One process full of clients: `python -m tests.conformance.client_process URL NAME FIRST COUNT EXPECTED`.

It inserts COUNT jobs from number FIRST on, works until EXPECTED jobs have ended, and writes its events as JSON.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec

from abaca.backends import open_backend
from abaca.testing.clients import Client, Event
from abaca.testing.conformance.making import many

CLIENTS = 4
LEASE_MS = 25


async def work(url: str, name: str, first: int, count: int, expected: int) -> list[Event]:
    store = open_backend(url)
    await store.open()
    try:
        share = count // CLIENTS
        clients = [Client(store, f"{name}.{n}", lease_ms=LEASE_MS, expected=expected) for n in range(CLIENTS)]
        shares = [many(share, first=first + n * share) for n in range(CLIENTS)]
        runs = await asyncio.gather(*(client.run(jobs) for client, jobs in zip(clients, shares, strict=True)))
        return [event for events in runs for event in events]
    finally:
        await store.close()


if __name__ == "__main__":
    url, name, *numbers = sys.argv[1:]
    events = asyncio.run(work(url, name, *(int(number) for number in numbers)))
    sys.stdout.buffer.write(msgspec.json.encode(events))
