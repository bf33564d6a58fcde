"""What worker processes count and write, as somebody outside sees it."""

from __future__ import annotations

import asyncio
import json
import time

from abaca import App
from abaca.carrying import carrying
from abaca.measures import Measures
from abaca.model import Kind
from abaca.observe.exposition import Exposition
from abaca.observe.reading import read_minutes, read_totals
from tests.integration.crew import crew, eventually

APP = "tests.integration.observing:app"


async def minutes(app: App) -> Measures:
    counted = Measures()
    now = int(time.time() // 60)
    for measures in (await read_minutes(await app.backend(), now - 30, now + 1)).values():
        counted.add(measures)
    return counted


async def test_counts_of_all_runners_come_to_the_store_and_stay_when_the_workers_leave(shared_url: str) -> None:
    # Given two workers of two runners each
    async with App(shared_url) as app:
        with crew(shared_url, 2, APP, processes="2") as workers:
            # When they have run 400 jobs, one died, and they leave
            jobs = [await app.enqueue_by_name("quick", {"n": n}, pool="async") for n in range(400)]
            died = await app.enqueue_by_name("dies", pool="process")
            await asyncio.gather(*(job.result(timeout=60) for job in jobs))
            await died.outcome(timeout=60)
            assert [worker.stop() for worker in workers] == [0, 0]
        # Then the sums and the rows of the minutes have each run once
        for counted in (await read_totals(await app.backend()), await minutes(app)):
            cell = counted.cell("default", "quick")
            assert (cell.started, cell.completed, sum(cell.runs)) == (400, 400, 400)
            assert counted.cell("default", "dies").failed == 1
            assert sum(counted.verb("exchange").calls) > 0
        # And whoever is asked for metrics has them
        text = (await Exposition().text(await app.backend())).decode()
        assert 'abaca_jobs_finished_total{outcome="completed",queue="default",task="quick"} 400.0' in text


async def test_lines_of_logging_are_json_beside_the_workers_own_and_in_the_jobs_log(tmp_path: object) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    async with App(url) as app:
        with crew(url, 1, APP, log_format="json") as (worker,):
            # Given a worker whose log is JSON
            with carrying({"x-request-id": "req-7"}):
                job = await app.enqueue_by_name("talks", pool="async")
            # When a handler writes a line with standard logging
            await job.result(timeout=60)
            worker.wait_says("a line of logging")
            lines = [json.loads(line) for line in worker.log.splitlines() if line.startswith("{")]
        # Then the worker's log has it with its job and its request
        (line,) = [line for line in lines if line["event"] == "a line of logging"]
        assert (line["job_id"], line["task"], line["request_id"]) == (job.id, "talks", "req-7")
        assert (line["level"], line["logger"]) == ("info", "observing")

        # And the job's log has it too
        async def kept() -> str | None:
            history = await (await app.backend()).updates(job.id, 0, 100)
            return next((entry.value["message"] for entry in history.entries if entry.kind is Kind.LOG), None)

        assert await eventually(kept) == "a line of logging"
