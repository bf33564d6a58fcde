"""Health, counts, and the description of the API."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import msgspec
import pytest

from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.http.description import answers_of, description
from abaca.http.docspage import docs_page
from abaca.http.health import Probe
from abaca.http.routes import ENDPOINTS
from abaca.model import Card, Lease
from abaca.testing.failing import FailingBackend
from tests.http.harness import serving


async def test_a_service_whose_store_is_away_lives_and_is_not_ready() -> None:
    # Given
    backend = FailingBackend(MemoryBackend(ManualClock()))
    async with serving(backend=backend) as api:
        before = await api.client.get("/ready")
        backend.away = True
        api.service.service.piece(Probe)._at = float("-inf")
        # When
        live, ready, health = [await api.client.get(path) for path in ("/live", "/ready", "/health")]
        # Then
        assert (before.status_code, before.json()["status"]) == (200, "ready")
        assert (live.status_code, live.json()) == (200, {"status": "ok"})
        assert (ready.status_code, ready.json()["error"]) == (503, "the store cannot be reached")
        assert (health.status_code, health.json()["status"]) == (503, "down")
        assert "retry-after" in ready.headers


async def test_readiness_writes_to_the_store_and_not_for_everybody_who_asks() -> None:
    # Given
    backend = FailingBackend(MemoryBackend(ManualClock()))
    async with serving(backend=backend) as api:
        # When
        answers = await asyncio.gather(*(api.client.get("/ready") for _ in range(20)))
        # Then
        assert {answer.status_code for answer in answers} == {200}
        assert 1 <= backend.calls["put"] <= 5


async def test_a_store_without_workers_is_degraded() -> None:
    async with serving() as api:
        # Given
        await api.app.enqueue_by_name("t", pool="async")
        # When
        without = (await api.client.get("/health")).json()
        await (await api.app.backend()).beat(Card(id="w"), [], Lease(worker="w", ms=1000))
        with_one = (await api.client.get("/health")).json()
        # Then
        assert (without["status"], without["waiting"]) == ("degraded", 1)
        assert (with_one["status"], with_one["workers"]) == ("ok", 1)


async def test_stats_count_queues_and_ends() -> None:
    async with serving() as api:
        # Given
        for queue in ("a", "a", "b"):
            await api.app.enqueue_by_name("t", pool="async", queue=queue)
        await api.complete(await api.claim("b"), 1)
        # When
        stats = (await api.get("/stats")).json()
        # Then
        assert {queue["name"]: queue["due"] for queue in stats["queues"]}["a"] == 2
        assert (stats["running"], stats["totals"]["completed"], stats["workers"]) == (0, 1, 0)


async def test_the_description_names_every_route_and_holds_together() -> None:
    async with serving() as api:
        # When
        document = (await api.get("/openapi.json")).json()
        # Then
        assert document["openapi"].startswith("3.1")
        operations = [one for path in document["paths"].values() for one in path.values()]
        assert len(operations) == len(ENDPOINTS)
        ids = [one["operationId"] for one in operations]
        assert len(set(ids)) == len(ids)
        text = json.dumps(document)
        for name in set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
            assert name in document["components"]["schemas"]
        listed = document["paths"]["/api/v1/jobs"]["get"]
        assert {"status", "created_after", "cursor"} <= {one["name"] for one in listed["parameters"]}
        assert all(one["summary"] for one in operations)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.handler.__name__)
def test_examples_are_what_the_routes_take_and_give(endpoint: Any) -> None:
    # Given
    operation = description([endpoint])["paths"].popitem()[1][endpoint.method.lower()]
    # When / Then
    if "body" in endpoint.examples:
        msgspec.convert(endpoint.examples["body"], endpoint.body)
    answer = operation["responses"][str(endpoint.status)].get("content", {}).get("application/json", {})
    if "example" in answer:
        msgspec.convert(answer["example"], answers_of(endpoint)[0])


async def test_the_page_of_the_api_needs_nothing_from_elsewhere() -> None:
    async with serving() as api:
        # When
        answer = await api.get("/docs")
        # Then
        assert answer.headers["content-type"].startswith("text/html")
        assert "<script" not in answer.text
        assert not re.search(r'(src|href)="(https?:)?//', answer.text)
        assert "/api/v1/jobs/{id}/cancel" in answer.text
        assert "style-src 'sha256-" in answer.headers["content-security-policy"]


def test_the_page_escapes_what_it_is_given() -> None:
    # Given
    document = description(ENDPOINTS)
    document["info"]["title"] = "<script>alert(1)</script>"
    # When / Then
    assert "<script>" not in docs_page(document)
