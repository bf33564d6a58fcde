"""Strategies and data sets over HTTP, as far as nothing has to run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.strategies_service.authors import CROSS, PEEKING, WEIGHTS
from tests.strategies_service.calling import Desk, code, desk_of
from tests.strategies_service.test_datasets import CSV

BROKEN = CSV.replace(b"10,12,9,11", b"10,7,9,11")
LARGEST = 300_000
"""Bytes of the largest data set here."""


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setenv("ABACA_STRATEGIES_MAX_DATA", str(LARGEST))
    async with desk_of(tmp_path, monkeypatch, works=False) as desk:
        yield desk


async def test_an_edit_is_a_version_and_a_stale_one_is_refused(desk: Desk) -> None:
    # Given a strategy, given in the source system's words
    made = await desk.post("/strategies", {"name": "cross", "pythonCode": CROSS, "userId": 7})
    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/strategies/1")
    assert {name: made.json()[name] for name in ("strategyId", "version", "userId")} == {
        "strategyId": 1,
        "version": 1,
        "userId": 7,
    }
    # When two edit version 1, the first one with new code
    edit = {"python_code": WEIGHTS, "from_version": 1}
    first = await desk.call("PATCH", "/strategies/1", edit)
    second = await desk.call("PATCH", "/strategies/1", {"pythonCode": PEEKING, "from_version": 1})
    # Then one is version 2, and the other has changed nothing
    assert (first.status_code, first.json()["version"]) == (200, 2)
    assert code(second) == (409, "conflict")
    assert (await desk.read("/strategies/1"))["pythonCode"] == WEIGHTS
    assert (await desk.read("/strategies/1/versions/1"))["pythonCode"] == CROSS
    # And versions are listed page by page, the newest first, and compared
    page = await desk.read("/strategies/1/versions?limit=1")
    rest = await desk.read(f"/strategies/1/versions?limit=1&cursor={page['next_cursor']}")
    assert [each["version"] for each in (*page["items"], *rest["items"])] == [2, 1]
    assert rest["next_cursor"] is None
    diff = await desk.read("/strategies/1/diff?from=1")
    assert (diff["from"], diff["to"]) == (1, 2)
    assert "+def weights(closes, params):" in diff["diff"]
    # And a strategy that is deleted is gone with its versions
    assert (await desk.call("DELETE", "/strategies/1")).status_code == 204
    assert code(await desk.get("/strategies/1/versions/1")) == (404, "strategy_not_found")


async def test_a_creation_that_is_repeated_makes_one_strategy(desk: Desk) -> None:
    body = {"name": "cross", "python_code": CROSS}
    answers = [await desk.post("/strategies", body, headers={"Idempotency-Key": "k1"}) for _ in range(2)]
    assert [answer.json()["strategyId"] for answer in answers] == [1, 1]
    assert answers[1].headers["idempotent-replay"] == "true"
    assert len((await desk.read("/strategies"))["items"]) == 1


async def test_code_is_judged_by_line_without_being_kept(desk: Desk) -> None:
    for text, ok, kind in ((CROSS, True, None), ("def signals(", False, "syntax"), (PEEKING, True, "look_ahead")):
        found = (await desk.post("/strategies/validate", {"python_code": text})).json()
        assert found["ok"] is ok
        assert kind is None or kind in {each["kind"] for each in found["findings"]}
    assert (await desk.read("/strategies"))["items"] == []


async def test_a_key_has_its_own_strategies_and_an_admin_those_of_all(desk: Desk) -> None:
    # Given two users, one with a number for a name
    ada, seven, reader = await desk.of("ada"), await desk.of("7"), await desk.of("eve", "jobs:read")
    mine, theirs = await ada.made(user_id=99), await seven.made()
    # Then the user is the key's, whatever the body says
    assert (await seven.read(f"/strategies/{theirs}"))["userId"] == 7
    assert (await ada.read(f"/strategies/{mine}"))["userId"] not in (0, 7, 99)
    # And another's strategy is as if it was not there, to everything that names it
    for method, path in (
        ("GET", f"/strategies/{mine}"),
        ("PATCH", f"/strategies/{mine}"),
        ("DELETE", f"/strategies/{mine}"),
        ("GET", f"/strategies/{mine}/versions"),
        ("GET", f"/strategies/{mine}/diff?from=1"),
        ("POST", f"/strategies/{mine}/backtests"),
    ):
        body: dict[str, object] | None = None if method in ("GET", "DELETE") else {}
        assert code(await seven.call(method, path, body)) == (404, "strategy_not_found"), path
    listed = [each["strategyId"] for each in (await seven.read("/strategies?user_id=0"))["items"]]
    assert listed == [theirs]
    # And an admin sees all, and nobody comes without the scope
    boss = await desk.of("boss", "admin")
    assert len((await boss.read("/strategies"))["items"]) == 2
    assert [each["strategyId"] for each in (await boss.read("/strategies?user_id=7"))["items"]] == [theirs]
    assert code(await reader.get("/strategies")) == (403, "forbidden")
    # And data sets are everybody's, so that an admin alone takes them away
    assert (await ada.post("/datasets/synthetic", {"name": "few", "bars": 50})).status_code == 201
    assert (await seven.get("/datasets/few")).status_code == 200
    assert code(await seven.call("DELETE", "/datasets/few")) == (403, "forbidden")
    assert (await boss.call("DELETE", "/datasets/few")).status_code == 204


async def test_data_come_as_a_form_or_alone_and_are_read_by_bars(desk: Desk) -> None:
    # When the same data come as a form, and as a body
    form = await desk.call("POST", "/datasets", files={"file": ("mine.csv", CSV)}, data={"origin": "ours"})
    alone = await desk.call("POST", "/datasets?name=raw", content=CSV, headers={"Content-Type": "text/csv"})
    # Then they are the same
    assert (form.status_code, form.headers["location"], form.json()["origin"]) == (201, "/api/v1/datasets/mine", "ours")
    assert form.json()["digest"] == alone.json()["digest"]
    assert [each["name"] for each in (await desk.read("/datasets"))["items"]] == ["synthetic", "mine", "raw"]
    # And are read page by page, in a longer timeframe where one is asked for
    page = await desk.read("/datasets/mine/bars?ticker=A&limit=2")
    rest = await desk.read(f"/datasets/mine/bars?ticker=A&limit=2&cursor={page['next_cursor']}")
    assert [bar["close"] for bar in (*page["items"], *rest["items"])] == [11, 12, 11]
    assert (page["total"], rest["next_cursor"]) == (3, None)
    week = (await desk.read("/datasets/mine/bars?ticker=A&timeframe=1w"))["items"]
    assert [(bar["open"], bar["high"], bar["close"]) for bar in week] == [(10, 13, 11)]
    # And a name goes
    assert (await desk.call("DELETE", "/datasets/mine")).status_code == 204
    assert code(await desk.get("/datasets/mine")) == (404, "dataset_not_found")
    assert (await desk.read("/datasets/synthetic"))["is_built_in"]


async def test_broken_data_are_refused_with_every_kind_of_fault(desk: Desk) -> None:
    csv = {"headers": {"Content-Type": "text/csv"}}
    refused = await desk.call("POST", "/datasets?name=bad", content=BROKEN, **csv)
    assert code(refused) == (422, "data_refused")
    kinds = {each["kind"] for each in refused.json()["error"]["details"]["problems"]}
    assert kinds == {"high_below_low", "outside_range"}
    # And a dry run tells the same and keeps nothing, of sound data too
    for content, ok in ((BROKEN, False), (CSV, True)):
        checked = await desk.call("POST", "/datasets?dry_run=true", content=content, **csv)
        assert (checked.status_code, checked.json()["ok"]) == (200, ok)
    assert len((await desk.read("/datasets"))["items"]) == 1
    # And what is no data at all, too large, without a form or a name, or under a name that is taken
    monstrous = {"files": {"file": ("x.csv", b"x" * (LARGEST + 1))}}
    for options, expected in (
        ({"content": b"", "params": {"name": "x"}, **csv}, (422, "data_refused")),
        ({"content": b"a,b\n1,2\n", "params": {"name": "x"}, **csv}, (422, "data_refused")),
        ({"content": CSV, **csv}, (422, "invalid")),
        ({"content": CSV, "params": {"name": "../x"}, **csv}, (422, "invalid")),
        ({"content": CSV, "params": {"name": "synthetic"}, **csv}, (409, "conflict")),
        ({"files": {"file": ("x.parquet", b"PAR1 no")}}, (422, "data_refused")),
        ({"files": {"file": ("x.xlsx", CSV)}}, (422, "invalid")),
        ({"data": {"name": "x"}, "files": {"nofile": ("", b"")}}, (422, "invalid")),
        ({"content": CSV, "headers": {"Content-Type": "text/plain"}}, (415, "unsupported_type")),
        (monstrous, (413, "too_large")),
        ({"content": b"x" * (LARGEST + 1), "params": {"name": "x"}, **csv}, (413, "too_large")),
    ):
        answer = await desk.call("POST", "/datasets", **options)
        assert code(answer) == expected, (options.get("params"), answer.text)


NOTHING: list[tuple[str, str, Any, tuple[int, str]]] = [
    ("GET", "/strategies/9", None, (404, "strategy_not_found")),
    ("GET", "/strategies/nine", None, (404, "strategy_not_found")),
    ("GET", "/strategies/1/versions/2", None, (404, "version_not_found")),
    ("GET", "/strategies/1/versions/0", None, (404, "version_not_found")),
    ("GET", "/strategies/1/versions/new", None, (404, "version_not_found")),
    ("GET", "/strategies/1?version=3", None, (404, "version_not_found")),
    ("GET", "/strategies/1/diff?from=1&to=2", None, (404, "version_not_found")),
    ("GET", "/strategies/1/diff", None, (422, "invalid")),
    ("GET", "/strategies?cursor=Zm9v", None, (422, "invalid")),
    ("GET", "/strategies/1/versions?cursor=!", None, (400, "malformed")),
    ("POST", "/strategies", {"name": "x", "python_code": "def signals("}, (422, "code_refused")),
    ("POST", "/strategies", {"name": "a\nb", "python_code": CROSS}, (422, "invalid")),
    ("POST", "/strategies", {"name": "x"}, (422, "invalid")),
    ("POST", "/strategies", {"name": "x", "python_code": CROSS, "colour": 1}, (422, "invalid")),
    ("POST", "/strategies", {"strategy_id": 9, "python_code": CROSS}, (404, "strategy_not_found")),
    ("PATCH", "/strategies/9", {"name": "x"}, (404, "strategy_not_found")),
    ("PATCH", "/strategies/1", {"python_code": "import"}, (422, "code_refused")),
    ("DELETE", "/strategies/9", None, (404, "strategy_not_found")),
    ("POST", "/strategies/9/backtests", {}, (404, "strategy_not_found")),
    ("POST", "/strategies/1/backtests", {"version": 2}, (404, "version_not_found")),
    ("POST", "/strategies/1/backtests", {"dataset": "nope"}, (404, "dataset_not_found")),
    ("POST", "/strategies/1/backtests", {"securities": ["NOPE"]}, (422, "symbol_not_found")),
    ("POST", "/strategies/1/backtests", {"benchmark": "NOPE"}, (422, "symbol_not_found")),
    ("POST", "/strategies/1/backtests", {"startDate": "2020-13-01"}, (422, "invalid")),
    ("POST", "/strategies/1/backtests", {"start_date": "2020-02-02", "end_date": "2020-02-01"}, (422, "invalid")),
    ("POST", "/strategies/1/backtests", {"timeframe": "61"}, (422, "invalid")),
    ("POST", "/strategies/1/backtests", {"rules": {"cash": -1}}, (422, "invalid")),
    ("POST", "/strategies/1/backtests", {"strategyId": 2}, (422, "invalid")),
    ("GET", "/backtests/0199a0c5d7d67c3f8a4be1f2a3b4c500", None, (404, "run_not_found")),
    ("GET", "/backtests/none/trades", None, (404, "run_not_found")),
    ("DELETE", "/backtests/none", None, (404, "run_not_found")),
    ("POST", "/backtests/compare", {"runs": ["none"]}, (404, "run_not_found")),
    ("POST", "/backtests/compare", {"runs": []}, (422, "invalid")),
    ("GET", "/backtests?limit=1000", None, (422, "invalid")),
    ("POST", "/strategies/9/sweeps", {"grid": {"fast": [1]}}, (404, "strategy_not_found")),
    ("POST", "/strategies/1/sweeps", {}, (422, "invalid")),
    ("POST", "/strategies/1/sweeps", {"grid": {"fast": [1]}, "points": [{}]}, (422, "invalid")),
    ("POST", "/strategies/1/sweeps", {"grid": {"fast": [1]}, "objective": "luck"}, (422, "invalid")),
    ("POST", "/strategies/1/sweeps", {"grid": {"fast": [1]}, "constraints": ["fast > 2"]}, (422, "invalid")),
    ("POST", "/strategies/1/sweeps", {"grid": {"fast": [1]}, "start_date": "2020-13-01"}, (422, "invalid")),
    ("GET", "/sweeps/0199a0c5d7d67c3f8a4be1f2a3b4c500", None, (404, "run_not_found")),
    ("DELETE", "/sweeps/none", None, (404, "run_not_found")),
    ("POST", "/strategies/1/lookahead-check", {"cuts": 0}, (422, "invalid")),
    ("POST", "/strategies/1/lookahead-check", {"version": 4}, (404, "version_not_found")),
    ("GET", "/checks/none", None, (404, "run_not_found")),
    ("POST", "/screens", {"strategyIds": [1, 9]}, (404, "strategy_not_found")),
    ("POST", "/screens", {"strategy_ids": [1], "universe": ["NOPE"]}, (422, "symbol_not_found")),
    ("POST", "/screens", {"strategy_ids": []}, (422, "invalid")),
    ("GET", "/screens/none", None, (404, "run_not_found")),
    ("POST", "/alerts", {"strategy_id": 9, "every": "5m"}, (404, "strategy_not_found")),
    ("POST", "/alerts", {"strategy_id": 1}, (422, "invalid")),
    ("POST", "/alerts", {"strategy_id": 1, "cron": "soon"}, (422, "invalid")),
    ("POST", "/alerts", {"strategy_id": 1, "every": "5m", "version": 7}, (404, "version_not_found")),
    ("GET", "/alerts/none", None, (404, "rule_not_found")),
    ("PUT", "/alerts/none", {"strategy_id": 1, "every": "5m"}, (404, "rule_not_found")),
    ("DELETE", "/alerts/none", None, (404, "rule_not_found")),
    ("POST", "/alerts/none/mute", {}, (404, "rule_not_found")),
    ("POST", "/alerts/none/test", {}, (404, "rule_not_found")),
    ("GET", "/alerts/none/history", None, (404, "rule_not_found")),
    ("POST", "/agent-runs", {"code": "1", "dataset": "nope"}, (404, "dataset_not_found")),
    ("POST", "/agent-runs", {"code": 1}, (422, "invalid")),
    ("GET", "/agent-runs/none", None, (404, "run_not_found")),
    ("GET", "/datasets/nope/bars", None, (404, "dataset_not_found")),
    ("GET", "/datasets/synthetic/bars?ticker=NOPE", None, (422, "symbol_not_found")),
    ("GET", "/datasets/synthetic/bars?timeframe=13y", None, (422, "invalid")),
    ("GET", "/datasets/synthetic/bars?start=soon", None, (422, "invalid")),
    ("POST", "/datasets/synthetic", {"name": "x", "bars": 2_000_000, "tickers": 1_000}, (413, "too_large")),
    ("POST", "/datasets/synthetic", {"name": "synthetic", "bars": 10}, (409, "conflict")),
]


async def test_what_is_not_there_stale_or_wrong_says_so(desk: Desk) -> None:
    await desk.made()
    for method, path, body, expected in NOTHING:
        answer = await desk.call(method, path, body)
        assert code(answer) == expected, (method, path, body, answer.text)
        assert answer.json()["error"]["message"]
    assert (await desk.read("/jobs?queue=strategies"))["items"] == [], "nothing of that has become a job"
