"""A service with a worker in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from abaca_compile.plugin import PLUGIN
from abaca_compile.service.compiler import Compiler
from tests.compile_service.machine import equipped
from tests.http.harness import Api, serving


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    app = equipped()
    async with serving(app) as api, app.worker(queues=PLUGIN.queues):
        await announced(Compiler.of(app))
        yield api


async def announced(compiler: Compiler, most: float = 30.0) -> None:
    """Until a worker has said what it has."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + most
    while not (await compiler.fleets.look()).catalogue.environments:
        assert loop.time() < ends, "no worker has said what it has"
        await asyncio.sleep(0.02)  # sleeps: another task, or another process, writes the record
