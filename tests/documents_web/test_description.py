"""The description of the API has everything that these routes take, give and refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from abaca.http.description import description
from abaca_documents.web.declaring import REFUSALS, SCOPE
from abaca_documents.web.routes import ENDPOINTS
from tests.described import check_endpoint, check_whole
from tests.documents_web.calling import Shelf

WANTED = """
POST /documents, POST /documents/upload, GET /documents, DELETE /documents, GET /documents/{id}, PATCH /documents/{id},
DELETE /documents/{id}, GET /documents/{id}/status, GET /documents/{id}/chunks, GET /documents/{id}/content,
GET /documents/{id}/revisions, GET /documents/{id}/similar, POST /documents/{id}/reindex, POST /documents/{id}/metadata,
POST /documents/batch, POST /documents/import, GET /documents/stats, GET /documents/strategies, GET /documents/formats,
POST /content/ingest, GET /content/{id}/status, GET /chunks/{id}, POST /collections, GET /collections,
GET /collections/{name}, PATCH /collections/{name}, DELETE /collections/{name}, GET /collections/{name}/stats,
POST /collections/{name}/reindex, POST /collections/{name}/clear, POST /collections/{name}/export,
GET /collections/{name}/export, POST /collections/{name}/import, POST /search, GET /search, POST /search/batch,
POST /parse, POST /chunk, POST /embed, POST /metadata
"""


def test_every_route_is_there_and_needs_the_scope() -> None:
    routes = {f"{each.method} {each.path}" for each in ENDPOINTS}
    assert routes == {each.strip() for each in WANTED.replace("\n", " ").split(",")}
    assert {each.scope for each in ENDPOINTS} == {SCOPE}


def test_every_error_that_is_an_answer_is_described_somewhere() -> None:
    # Given what the description names
    named = {(status, code) for each in ENDPOINTS for status, code in each.errors}
    # Then it is all that can be answered; a store that is away, and what is not there to be read, may be met anywhere
    assert set(REFUSALS.values()) - named <= {(503, "store_unavailable")}
    document = json.dumps(description(ENDPOINTS))
    for _, code in named:
        assert f"`{code}`" in document


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.handler.__name__)
def test_examples_are_what_the_routes_take_and_give(endpoint: Any) -> None:
    check_endpoint(endpoint)


async def test_the_whole_description_holds_together(quiet: Shelf) -> None:
    document = (await quiet.get("/openapi.json")).json()
    check_whole(document)
    upload = document["paths"]["/api/v1/documents/upload"]["post"]["requestBody"]["content"]
    assert upload.keys() == {"multipart/form-data", "application/json"}
    form = document["components"]["schemas"][upload["multipart/form-data"]["schema"]["$ref"].rpartition("/")[2]]
    sources = (
        "file collection chunking_strategy chunk_size chunk_overlap extract_metadata num_questions max_pages async"
    )
    assert form["properties"].keys() >= {*sources.split(), "on_duplicate", "metadata", "document_id", "source_id"}
    assert (await quiet.get("/docs")).status_code == 200
