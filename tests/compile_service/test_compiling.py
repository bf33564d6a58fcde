"""One compilation over HTTP, from the submission to the verdict."""

from __future__ import annotations

from base64 import b64encode

from tests.compile_service.machine import BAD, GOOD
from tests.http.harness import Api


async def test_a_source_that_compiles(api: Api) -> None:
    # When it is submitted and waited for
    answer = await api.post("/compile?wait=30", {"source_code": GOOD, "language": "c", "tags": ["ci"]})
    # Then
    view = answer.json()
    assert answer.status_code == 200
    assert (view["status"], view["success"], view["compiled"], view["exit_code"]) == ("completed", True, True, 0)
    assert view["tags"] == ["ci"]
    assert answer.headers["location"] == f"/api/v1/compile/{view['job_id']}"
    # And it is read at its address, in the same shape
    again = await api.get(f"/compile/{view['job_id']}")
    assert again.json() == view


async def test_a_source_that_does_not_compile_is_an_answer_like_any_other(api: Api) -> None:
    code = b64encode(BAD.encode()).decode()
    view = (await api.post("/compile?wait=30", {"code": code, "language": "c"})).json()
    assert (view["status"], view["outcome"], view["compiled"]) == ("failed", "rejected", False)
    assert view["diagnostics"][0]["line"] == 1
    # And its job completed
    assert (await api.get(f"/jobs/{view['job_id']}")).json()["status"] == "completed"
