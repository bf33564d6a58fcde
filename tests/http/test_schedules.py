"""``/schedules``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.http.harness import Api, serving

NIGHTLY: dict[str, Any] = {
    "id": "nightly",
    "cron": "0 3 * * *",
    "tz": "Europe/Berlin",
    "job": {"task": "report", "args": {"days": 7}, "pool": "async", "queue": "mail"},
}


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving() as served:
        yield served


async def test_a_schedule_is_stored_and_tells_its_next_ticks(api: Api) -> None:
    # When
    answer = await api.post("/schedules", NIGHTLY)
    read = (await api.get("/schedules/nightly?count=2")).json()

    # Then
    assert (answer.status_code, answer.headers["location"]) == (201, "/api/v1/schedules/nightly")
    assert (read["cron"], read["tz"], read["task"], read["args"], read["queue"]) == (
        "0 3 * * *",
        "Europe/Berlin",
        "report",
        {"days": 7},
        "mail",
    )
    assert read["next"] == ["2030-01-01T02:00:00.000000Z", "2030-01-02T02:00:00.000000Z"]


async def test_a_preview_stores_nothing(api: Api) -> None:
    # When
    seen = (await api.post("/schedules/preview?count=1", NIGHTLY)).json()["next"]

    # Then
    assert seen == ["2030-01-01T02:00:00.000000Z"]
    assert (await api.get("/schedules")).json()["items"] == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"cron": "61 * * * *"}, "cron"),
        ({"tz": "Mars/Olympus"}, "Mars/Olympus"),
        ({"every_ms": 5000}, "every"),
        ({"missed": "never"}, "missed"),
    ],
)
async def test_a_schedule_that_cannot_fire_is_refused(api: Api, change: dict[str, Any], word: str) -> None:
    # When
    answer = await api.post("/schedules", {**NIGHTLY, **change})

    # Then
    error = answer.json()["error"]
    assert answer.status_code == 422
    assert word in error["message"] or word == error["field"]


async def test_an_id_that_is_taken_is_refused(api: Api) -> None:
    # Given
    await api.post("/schedules", NIGHTLY)

    # When
    answer = await api.post("/schedules", NIGHTLY)

    # Then
    assert answer.status_code == 422
    assert "is there already" in answer.json()["error"]["message"]


async def test_a_schedule_is_changed_disabled_and_deleted(api: Api) -> None:
    # Given
    await api.post("/schedules", NIGHTLY)

    # When
    changed = (await api.put("/schedules/nightly", {"every_ms": 60_000, "description": "each minute"})).json()
    disabled = (await api.post("/schedules/nightly/disable")).json()["enabled"]
    enabled = (await api.post("/schedules/nightly/enable")).json()["enabled"]
    deleted = await api.delete("/schedules/nightly")
    then = await api.get("/schedules/nightly")

    # Then
    assert (changed["cron"], changed["every_ms"], changed["description"]) == (None, 60_000, "each minute")
    assert (disabled, enabled) == (False, True)
    assert (deleted.status_code, then.status_code, then.json()["error"]["code"]) == (204, 404, "schedule_not_found")


async def test_a_schedule_runs_at_once_and_lists_its_runs(api: Api) -> None:
    # Given
    await api.post("/schedules", NIGHTLY)

    # When
    answer = await api.post("/schedules/nightly/run-now")
    runs = (await api.get("/schedules/nightly/runs")).json()["items"]

    # Then
    id = answer.json()["id"]
    assert (answer.status_code, answer.headers["location"]) == (202, f"/api/v1/jobs/{id}")
    assert [(run["id"], run["args"]) for run in runs] == [(id, {"days": 7})]


async def test_lists_of_schedules_have_pages(api: Api) -> None:
    # Given
    for n in range(5):
        await api.post("/schedules", {**NIGHTLY, "id": f"s{n}"})

    # When
    first = (await api.get("/schedules?limit=3")).json()
    second = (await api.get(f"/schedules?limit=3&cursor={first['next_cursor']}")).json()

    # Then
    assert [one["id"] for one in first["items"] + second["items"]] == ["s0", "s1", "s2", "s3", "s4"]
    assert second["next_cursor"] is None
