"""Changing one stored record by what it says now: settings of queues and tasks, schedules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from abaca.backend import Backend
from abaca.client import Client
from abaca.errors import ConfigError
from abaca.model import Record, Verdict

T = TypeVar("T")

MOST_ROUNDS = 20

Changed = tuple[T, bytes | None]
"""What the record means from now on, and its data; ``None`` deletes it."""


async def change_record(
    client: Client, kind: str, id: str, what: str, change: Callable[[Record | None], Changed[T]]
) -> T:
    """Compare-and-set until nobody was faster. Raises what ``change`` raises, and ``ConfigError`` naming ``what``."""
    for _ in range(MOST_ROUNDS):
        (record,) = await client.ask(lambda backend: backend.read(kind, [id]))
        meaning, data = change(record)
        if data == (None if record is None else record.data):
            return meaning  # so those who make the same change at once are not in each other's way
        written = Record(kind=kind, id=id, data=data, version=0 if record is None else record.version)
        if await client.ask(partial(_put, written)) == [Verdict.APPLIED]:
            return meaning
        await asyncio.sleep(0)
    raise ConfigError(f"{what} changed {MOST_ROUNDS} times while it was to be changed; try again")


async def _put(record: Record, backend: Backend) -> list[Verdict]:
    return await backend.put([record])
