"""/metrics, and what a request gives to the jobs that it makes."""

from __future__ import annotations

import pytest

from abaca.app import App
from abaca.model import Query
from tests.http.harness import serving

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def shop() -> App:
    app = App("memory://")

    @app.task
    async def quick() -> None: ...

    return app


async def test_metrics_are_served_as_text() -> None:
    async with serving(shop()) as api:
        # Given a job that waits
        await api.post("/jobs", {"task": "quick"})
        # When Prometheus asks
        answer = await api.client.get("/metrics")
        # Then it is there, in the text format
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        assert 'abaca_queue_jobs{queue="default",status="queued"} 1.0' in answer.text


@pytest.mark.parametrize(
    ("headers", "carried"),
    [
        ({}, {}),
        ({"x-request-id": "req-7"}, {"x-request-id": "req-7"}),
        ({"x-request-id": "req-7", "traceparent": TRACE}, {"x-request-id": "req-7", "traceparent": TRACE}),
        ({"traceparent": "nonsense"}, {}),
    ],
)
async def test_a_job_carries_what_its_request_brought(headers: dict[str, str], carried: dict[str, str]) -> None:
    async with serving(shop()) as api:
        # Given a request with these headers
        # When it makes a job
        answer = await api.post("/jobs", {"task": "quick"}, headers=headers)
        assert answer.status_code == 202
        # Then the job carries what can be followed
        (job,) = (await api.app.find(Query())).jobs
        assert job.spec.carrier == carried
