"""Jobs over HTTP: reading."""

from __future__ import annotations

from tests.http.harness import serving


async def test_a_job_is_read_by_its_id() -> None:
    async with serving() as api:
        # Given
        handle = await api.app.enqueue_by_name("add", {"x": 1}, pool="async", tags=["t"])
        # When
        answer = await api.get(f"/jobs/{handle.id}")
        # Then
        assert answer.status_code == 200
        assert answer.json()["args"] == {"x": 1}
        assert answer.json()["status"] == "queued"
        assert answer.json()["created_at"] == "2030-01-01T00:00:00.000000Z"


async def test_an_unknown_job_is_404_in_the_one_shape_of_errors() -> None:
    async with serving() as api:
        # When
        answer = await api.get("/jobs/" + "0" * 32, headers={"X-Request-Id": "mine-1"})
        # Then
        assert answer.status_code == 404
        assert answer.headers["x-request-id"] == "mine-1"
        error = answer.json()["error"]
        assert error.pop("message")
        assert error == {
            "code": "job_not_found",
            "field": None,
            "details": {},
            "status": 404,
            "request_id": "mine-1",
        }


async def test_an_unknown_path_and_method_have_that_shape_too() -> None:
    async with serving() as api:
        # When
        nowhere, wrong = await api.get("/nothing"), await api.put("/jobs/x", {})
        # Then
        assert nowhere.json()["error"]["code"] == "not_found"
        assert wrong.json()["error"]["code"] == "method_not_allowed"
        assert wrong.json()["error"]["status"] == wrong.status_code == 405
