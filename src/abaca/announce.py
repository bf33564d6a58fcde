"""What processes with a task's code tell those without it: where its jobs belong and how they run.

One record of kind ``task`` per task name, written by workers when they start. ``App.enqueue_by_name`` reads it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Protocol

import msgspec

from abaca.backend import MAX_BATCH, Backend
from abaca.client import Client
from abaca.errors import UnknownTask
from abaca.model import Record
from abaca.options import Pool, TaskOptions
from abaca.text import did_you_mean, near_names

KIND = "task"
REMEMBER_FOR = 30.0
"""Seconds for which an announcement that was read is believed."""
ABSENT_FOR = 1.0
"""Seconds for which a task that nobody had announced is believed to have no secrets."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(TaskOptions).decode


class Announced(Protocol):
    @property
    def options(self) -> TaskOptions: ...


async def announce(backend: Backend, tasks: Mapping[str, Announced]) -> None:
    """Write the records that are missing or differ. Of two processes that differ the last to start wins."""
    names = sorted(tasks)
    for start in range(0, len(names), MAX_BATCH):
        part = names[start : start + MAX_BATCH]
        present = await backend.read(KIND, part)
        changed = _changed(part, present, tasks)
        if changed:
            await backend.put(changed)


async def announced(backend: Backend, name: str) -> TaskOptions | None:
    return (await _many_announced([name], backend))[0]


async def _many_announced(names: Sequence[str], backend: Backend) -> list[TaskOptions | None]:
    return [
        None if record is None or record.data is None else _decode(record.data)
        for record in await backend.read(KIND, names)
    ]


class Announcements:
    """Where a task's jobs belong, as this process knows it: by its own code, else by what was announced."""

    def __init__(self, tasks: Mapping[str, Announced]) -> None:
        self._tasks = tasks
        self._read: dict[str, tuple[float, TaskOptions]] = {}
        self._told: frozenset[str] = frozenset()
        self._absent: set[str] = set()
        self._asked = float("-inf")

    async def tell(self, backend: Backend) -> None:
        """Announce this process's tasks, once."""
        names = frozenset(self._tasks)
        if names != self._told:
            await announce(backend, self._tasks)
            self._told = names

    async def options_of(self, client: Client, name: str, pool: Pool | None) -> TaskOptions:
        """Raises ``UnknownTask`` when nobody has said anything and ``pool`` is not given."""
        if name in self._tasks:
            options = self._tasks[name].options
        elif (known := await self._remembered(client, name)) is not None:
            options = known
        elif pool is not None:
            options = TaskOptions(pool=pool)
        else:
            raise _unknown(name, near_names(name, [*self._tasks, *await client.ask(_announced_names)]))
        return options if pool is None else msgspec.structs.replace(options, pool=pool)

    async def secrets_of(self, client: Client, names: Collection[str]) -> dict[str, tuple[str, ...]]:
        """The secret parameters of each task, as its code or an announcement says; of an unknown task none."""
        found = {name: self._tasks[name].options.secret for name in names if name in self._tasks}
        fresh = {name: known for name in names if (known := self._believed(name)) is not None}
        found |= {name: options.secret for name, options in fresh.items() if name not in found}
        if time.monotonic() - self._asked >= ABSENT_FOR:
            self._absent.clear()
            self._asked = time.monotonic()
        found |= {name: () for name in names if name in self._absent}
        missing = [name for name in names if name not in found]
        for start in range(0, len(missing), MAX_BATCH):
            part = missing[start : start + MAX_BATCH]
            for name, options in zip(part, await client.ask(partial(_many_announced, part)), strict=True):
                if options is not None:
                    self._read[name] = (time.monotonic(), options)
                else:
                    self._absent.add(name)
                found[name] = () if options is None else options.secret
        return found

    def _believed(self, name: str) -> TaskOptions | None:
        known = self._read.get(name)
        return known[1] if known is not None and time.monotonic() - known[0] < REMEMBER_FOR else None

    async def _remembered(self, client: Client, name: str) -> TaskOptions | None:
        known = self._believed(name)
        if known is not None:
            return known
        options = await client.ask(lambda backend: announced(backend, name))
        if options is not None:
            self._read[name] = (time.monotonic(), options)
        return options


async def _announced_names(backend: Backend) -> list[str]:
    return [record.id for record in await backend.scan(KIND, "", MAX_BATCH)]


def _unknown(name: str, near: tuple[str, ...]) -> UnknownTask:
    return UnknownTask(
        f"task {name!r} is not registered here and no worker has announced it{did_you_mean(near) or ';'} nothing was "
        "enqueued. Start a worker that has it, or say where it runs with pool= (and queue=)",
        near,
    )


def _changed(names: Sequence[str], present: Sequence[Record | None], tasks: Mapping[str, Announced]) -> list[Record]:
    changed: list[Record] = []
    for name, record in zip(names, present, strict=True):
        data = _encode(tasks[name].options)
        if record is None or record.data != data:
            changed.append(Record(kind=KIND, id=name, data=data, version=record.version if record is not None else 0))
    return changed
