"""Batches and matrices."""

from __future__ import annotations

from abaca_compile.plugin import PLUGIN
from abaca_compile.service.compiler import Compiler
from tests.compile_service.conftest import announced
from tests.compile_service.machine import BAD, GOOD, STRICT, WARNED, equipped
from tests.http.harness import Api, serving


async def test_an_item_of_a_batch_that_is_wrong_harms_no_other(api: Api) -> None:
    # When a batch has good items and items that are wrong in different ways
    items = [
        {"source_code": GOOD, "language": "c"},
        {"source_code": GOOD, "language": "c", "compiler": "gcc-99"},
        {"source_code": 7},
        {"source_code": BAD, "language": "c"},
    ]
    answer = await api.post("/compile/batch", {"items": items})
    # Then each has its own answer, in order
    stored = answer.json()["items"]
    assert answer.status_code == 202
    assert [item["error"] and item["error"]["code"] for item in stored] == [
        None,
        "unknown_environment",
        "invalid",
        None,
    ]
    assert stored[1]["error"]["near"]
    assert [item["index"] for item in stored] == [0, 1, 2, 3]
    for item in (stored[0], stored[3]):
        await api.get(f"/compile/{item['job_id']}?wait=30")
    # And the batch is read page by page
    path = answer.headers["location"].removeprefix("/api/v1")
    first = (await api.get(f"{path}?limit=3")).json()
    rest = (await api.get(f"{path}?limit=3&cursor={first['next_cursor']}")).json()
    results = [item["result"] and item["result"]["status"] for item in first["items"] + rest["items"]]
    assert (first["total"], first["accepted"], rest["next_cursor"]) == (4, 2, None)
    assert results == ["completed", None, None, "failed"]


async def test_a_matrix_is_a_table_of_all_compilers_and_standards(api: Api) -> None:
    # When one source goes to every C compiler in two standards, of which one is none
    asked = {"source_code": WARNED, "language": "c", "standards": ["c17", "c3000"], "tags": ["m"]}
    answer = await api.post("/compile/matrix?wait=40", asked)
    # Then the table has a row for each combination that there is, in order
    table = answer.json()
    assert answer.status_code == 200
    verdicts = {row["environment"]: row["compiled"] for row in table["rows"]}
    assert (verdicts.pop(STRICT), set(verdicts.values())) == (False, {True})
    assert {row["standard"] for row in table["rows"]} == {"c17"}
    assert (table["status"], table["compiled"], table["ended"]) == ("completed", False, table["total"])
    assert {one["standard"] for one in table["refused"]} == {"c3000"}
    # And each row is a compilation, and the whole is a job whose result is the table
    strict = next(row for row in table["rows"] if row["environment"] == STRICT)
    member = (await api.get(f"/compile/{strict['job_id']}")).json()
    assert (member["matrix"], strict["first"]) == (table["matrix_id"], member["diagnostics"][0]["message"])
    result = (await api.get(f"/jobs/{table['matrix_id']}/result")).json()["result"]
    assert [row["compiled"] for row in result["rows"]] == [row["compiled"] for row in table["rows"]]


async def test_a_full_queue_refuses_with_the_time_to_come_again() -> None:
    # Given a queue with room for two, and a worker that takes nothing from it
    app = equipped()
    async with serving(app) as api, app.worker(queues=("other",)):
        await announced(Compiler.of(app))
        await app.queues.limit_length("compile", 2)
        for number in range(2):
            assert (await api.post("/compile", {"source_code": f"int a{number};", "language": "c"})).status_code == 202
        # When one more comes
        full = await api.post("/compile", {"source_code": GOOD, "language": "c"})
        # Then nothing of it is stored
        assert (full.status_code, full.json()["error"]["code"]) == (429, "queue_full")
        assert int(full.headers["retry-after"]) >= 1
        assert len((await api.get("/compile")).json()["items"]) == 2
        # And in a batch each item hears of it
        batch = (await api.post("/compile/batch", {"items": [{"source_code": GOOD, "language": "c"}]})).json()
        assert batch["items"][0]["error"]["code"] == "queue_full"


async def test_a_queue_of_its_own_gets_its_length_from_the_settings(api: Api) -> None:
    await api.post("/compile?wait=30", {"source_code": GOOD, "language": "c"})
    assert (await api.app.queues.get("compile")).max_length == 1000
    assert PLUGIN.queues == ("compile",)
