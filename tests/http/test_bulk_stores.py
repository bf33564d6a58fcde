"""Acts upon more jobs than a page holds, where the store's own order and cursors matter."""

from __future__ import annotations

import pytest

from abaca.app import App
from tests.http.harness import serving

MANY = 430


@pytest.mark.parametrize("store", ["sqlite_url", "redis_url"])
async def test_every_job_of_a_filter_is_changed_once(store: str, request: pytest.FixtureRequest) -> None:
    # Given
    async with serving(App(request.getfixturevalue(store))) as api:
        jobs = [{"task": f"t{number % 2}", "pool": "async", "args": {"n": number}} for number in range(2 * MANY)]
        stored = await api.post("/jobs/batch", {"jobs": jobs})
        # When
        dry = await api.post("/jobs/cancel", {"filter": {"task": "t1"}, "dry_run": True})
        cancelled = await api.post("/jobs/cancel", {"filter": {"task": "t1"}})
        requeued = await api.post("/jobs/requeue", {"filter": {"status": ["cancelled"]}, "limit": MANY - 1})
        rest = await api.post("/jobs/requeue", {"filter": {"status": ["cancelled"]}})
        deleted = await api.post("/jobs/delete", {"filter": {}, "all": True})
        # Then
        assert {item["outcome"] for item in stored.json()["items"]} == {"inserted"}
        assert (dry.json()["matched"], dry.json()["changed"]) == (MANY, 0)
        assert (cancelled.json()["matched"], cancelled.json()["changed"]) == (MANY, MANY)
        assert (requeued.json()["changed"], requeued.json()["complete"]) == (MANY - 1, False)
        assert (rest.json()["changed"], rest.json()["complete"]) == (1, True)
        assert deleted.json()["changed"] == 2 * MANY
        assert (await api.get("/jobs")).json() == {"items": [], "next_cursor": None}
