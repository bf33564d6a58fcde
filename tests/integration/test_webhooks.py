"""Webhooks by worker processes, which know the delivering task without any code of it."""

from __future__ import annotations

import pytest

from abaca import App, Query, Webhook, verify_webhook
from abaca.model import State
from tests.integration.conftest import shared_url
from tests.integration.crew import crew, eventually
from tests.receiver import receiving, says

__all__ = ["shared_url"]

SECRET = "known to the workers"


async def test_a_worker_process_delivers_with_the_secret_of_its_environment(
    shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given workers that hold the secret and may reach the receiver, which fails at first
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setenv("ABACA_WORKER_WEBHOOK_ALLOW", "127.0.0.0/8")
    async with receiving() as receiver, App(shared_url) as app:
        receiver.will(says(503, retry_after="1"))

        @app.task(name="pid", webhook=Webhook(receiver.url, secret="env:HOOK_SECRET"))
        async def pid() -> int:
            return 0

        with crew(shared_url, 2, "tests.integration.batching:app"):
            # When a job with a webhook has completed
            job = await pid.enqueue()
            result = await job.result(timeout=30)
            requests = await receiver.has(2)

            async def delivered() -> bool | None:
                found = (await app.find(Query(parent=f"job:{job.id}"))).jobs
                return [each.state for each in found] == [State.COMPLETED] or None

            # Then the receiver was told once, in two tries, whichever worker made them
            assert await eventually(delivered)
    told = {verify_webhook(SECRET, request.headers, request.body) for request in requests}
    assert (len(requests), len(told)) == (2, 1)
    assert b'"result":%d' % result in requests[0].body
