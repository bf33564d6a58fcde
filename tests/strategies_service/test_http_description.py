"""The description of the API has everything that these routes take, give and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from abaca.http.description import description
from abaca_strategies.requests import BacktestRequest
from abaca_strategies.web.declaring import REFUSALS, SCOPE
from abaca_strategies.web.routes import ENDPOINTS
from tests.described import check_endpoint, check_whole
from tests.strategies_service.calling import desk_of

PAGE = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text()
WANTED = """
POST /strategies, GET /strategies, GET /strategies/{id}, PATCH /strategies/{id}, DELETE /strategies/{id},
GET /strategies/{id}/versions, GET /strategies/{id}/versions/{version}, GET /strategies/{id}/diff,
POST /strategies/validate, POST /strategies/{id}/backtests, GET /backtests, GET /backtests/{id}, DELETE /backtests/{id},
GET /backtests/{id}/trades, GET /backtests/{id}/instances, GET /backtests/{id}/equity, GET /backtests/{id}/plots,
POST /backtests/compare, POST /strategies/{id}/sweeps, GET /sweeps, GET /sweeps/{id}, DELETE /sweeps/{id},
POST /strategies/{id}/lookahead-check, GET /checks/{id}, POST /agent-runs,
GET /agent-runs, GET /agent-runs/{id}, DELETE /agent-runs/{id},
POST /screens, GET /screens, GET /screens/{id}, DELETE /screens/{id}, POST /alerts, GET /alerts, GET /alerts/{id},
PUT /alerts/{id}, DELETE /alerts/{id}, POST /alerts/{id}/mute, GET /alerts/{id}/history, POST /alerts/{id}/test,
POST /datasets, GET /datasets, GET /datasets/{id}, DELETE /datasets/{id}, GET /datasets/{id}/bars,
GET /datasets/{id}/facts, POST /datasets/synthetic, GET /datasets/synthetic
"""


def test_every_route_is_there_is_on_the_page_and_needs_the_scope() -> None:
    routes = {f"{each.method} {each.path}" for each in ENDPOINTS}
    assert routes == {each.strip() for each in WANTED.replace("\n", " ").split(",")}
    assert {each.scope for each in ENDPOINTS} == {SCOPE}
    assert [each.path for each in ENDPOINTS if f"`{each.path}`" not in PAGE] == []


def test_every_error_that_is_an_answer_is_described_somewhere() -> None:
    # Given what the description names
    named = {(status, code) for each in ENDPOINTS for status, code in each.errors}
    # Then it is all that can be answered
    assert set(REFUSALS.values()) - named == set()
    document = json.dumps(description(ENDPOINTS))
    for _, code in named:
        assert f"`{code}`" in document
        assert f"`{code}`" in PAGE


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.handler.__name__)
def test_examples_are_what_the_routes_take_and_give(endpoint: Any) -> None:
    check_endpoint(endpoint)


async def test_the_whole_description_holds_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk_of(tmp_path, monkeypatch, works=False) as desk:
        document = await desk.read("/openapi.json")
        assert (await desk.get("/docs")).status_code == 200
    check_whole(document)
    schemas = document["components"]["schemas"]
    # And a body is described without what the path says, and with everything else
    backtest = document["paths"]["/api/v1/strategies/{id}/backtests"]["post"]["requestBody"]["content"]
    body = schemas[backtest["application/json"]["schema"]["$ref"].rpartition("/")[2]]
    assert {*body["properties"], "strategy_id"} == set(BacktestRequest.__struct_fields__)
    data = document["paths"]["/api/v1/datasets"]["post"]["requestBody"]["content"]
    assert {"multipart/form-data", "text/csv", "application/vnd.apache.parquet"} <= data.keys()
    diff = document["paths"]["/api/v1/strategies/{id}/diff"]["get"]["parameters"]
    assert [(each["name"], each["required"]) for each in diff if each["in"] == "query"] == [
        ("from", True),
        ("to", False),
    ]
