"""Lines of standard logging in a job's log: from every pool, with the request, scrubbed and bounded."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from abaca.backend import TRIMMED_LOG_CAP
from abaca.carrying import carrying
from abaca.handle import JobHandle
from abaca.model import Kind
from abaca.observe.joblogs import MOST_LINES, capture
from tests.observe import carrier_app

app = carrier_app.app


@pytest.fixture(autouse=True)
def quiet_root() -> Iterator[None]:
    """Pytest sets up the root logger, so the level is for the test to say."""
    before = logging.getLogger().level
    logging.getLogger().setLevel(logging.DEBUG)
    yield
    logging.getLogger().setLevel(before)


async def lines_of(job: JobHandle[Any]) -> list[dict[str, Any]]:
    history = await (await app.backend()).updates(job.id, 0, TRIMMED_LOG_CAP + 100)
    return [entry.value for entry in history.entries if entry.kind is Kind.LOG]


@pytest.mark.parametrize("task", ["in_loop", "in_thread", "in_process"])
async def test_lines_of_a_handler_are_in_its_jobs_log(task: str) -> None:
    # Given a handler that logs by ctx and by logging
    async with app, app.worker(process_slots=1):
        # When it runs for a request
        with carrying({"x-request-id": "req-7"}):
            job = await app.tasks[task].enqueue()
        surrounding = await job.result(timeout=45)
        lines = await lines_of(job)
    # Then its lines are there in order, but for those below the level, and none has what was scrubbed
    assert [line["message"] for line in lines] == ["by ctx", "sold 3 for ***", "failed"]
    assert [line["level"] for line in lines] == ["info", "info", "error"]
    assert "OSError: no luck" in lines[2]["traceback"]
    # And each names the request, which surrounds the handler
    assert [line["request_id"] for line in lines] == ["req-7"] * 3
    assert surrounding == {"x-request-id": "req-7"}


async def test_a_chatty_run_keeps_so_many_lines_and_says_so() -> None:
    # Given a handler that logs more lines than are kept of one run
    async with app, app.worker():
        # When it runs
        job = await carrier_app.chatty.enqueue()
        await job.result(timeout=45)
        lines = await lines_of(job)
    # Then the last line says that there were more
    assert len(lines) <= MOST_LINES + 1
    assert f"more than {MOST_LINES:,} lines" in lines[-1]["message"]


def test_lines_outside_of_a_job_are_no_jobs() -> None:
    # Given a program that captures
    # When it logs outside of any job
    # Then nothing happens but what happened before
    carrier_app.log.info("nobody's")


def test_a_level_that_is_none_is_refused() -> None:
    # Given a level that logging does not know
    # When it is asked for
    # Then the refusal names it
    with pytest.raises(ValueError, match="loud"):
        capture(app, "loud")
