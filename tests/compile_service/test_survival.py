"""Workers and stores that die in the middle of a matrix: every verdict arrives once."""

from __future__ import annotations

import pytest

from abaca import App
from abaca_compile.model import Submission
from abaca_compile.plugin import PLUGIN
from abaca_compile.service.compiler import Compiler
from abaca_compile.service.submitting import By, submit
from tests.compile_service.conftest import announced
from tests.compile_service.ground import YARD, check, ended, submitted
from tests.compile_service.machine import GOOD, equipped
from tests.conftest import MakeRedis
from tests.integration.crew import WorkerProcess

pytestmark = pytest.mark.timeout(150)


@pytest.mark.slow
async def test_a_worker_that_is_killed_costs_no_verdict(sqlite_url: str) -> None:
    # Given a matrix that is being compiled
    async with App(sqlite_url, plugins=[PLUGIN]) as app:
        compiler = Compiler.of(app)
        first = WorkerProcess(sqlite_url, YARD, queues="compile")
        try:
            await announced(compiler)
            table = await submitted(compiler, 12)
            await ended(app, table, 3, 60)
            # When its worker is killed, and another one comes
            first.kill()
            second = WorkerProcess(sqlite_url, YARD, queues="compile")
            try:
                # Then
                await check(app, table, 12, 100)
                # And what was compiled before answers the next who asks
                again = await submitted(compiler, 1)
                assert (await again.result(timeout=60)).rows[0].cached
                assert second.stop() == 0
            finally:
                second.kill()
        finally:
            first.kill()


async def test_answers_outlive_every_process(sqlite_url: str) -> None:
    # Given a compilation by an app that is gone
    source = Submission(source_code=GOOD, language="c")
    for hit in (False, True):
        app = equipped(sqlite_url)
        compiler = Compiler.of(app)
        async with app, app.worker(queues=PLUGIN.queues):
            await announced(compiler)
            # When the same is asked, then by another one
            answer = await (await submit(compiler, source, By())).result(timeout=60)
        # Then the second has the answer of the first
        assert answer.result.cache is not None
        assert answer.result.cache.hit is hit


@pytest.mark.chaos
@pytest.mark.timeout(400)
async def test_a_matrix_of_200_outlives_a_killed_worker_and_a_killed_redis(make_redis: MakeRedis) -> None:
    # Given a matrix of 200 on a Redis that writes before it answers
    server = make_redis(appendonly=True, appendfsync="always")
    workers = [WorkerProcess(server.url, YARD, queues="compile")]
    try:
        async with App(server.url, plugins=[PLUGIN]) as app:
            compiler = Compiler.of(app)
            await announced(compiler)
            table = await submitted(compiler, 200)
            await ended(app, table, 20, 100)
            # When a worker is killed
            workers[-1].kill()
            workers.append(WorkerProcess(server.url, YARD, queues="compile"))
            await ended(app, table, 80, 200)
            # And then Redis
            server.kill()
            server.start()
            # And then the other worker
            await ended(app, table, 140, 200)
            workers[-1].kill()
            workers.append(WorkerProcess(server.url, YARD, queues="compile"))
            # Then
            await check(app, table, 200, 200)
        assert workers[-1].stop() == 0
    finally:
        for worker in workers:
            worker.kill()
