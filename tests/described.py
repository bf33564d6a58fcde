"""What holds of the description of every application's routes."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from abaca.http.description import answers_of, description


def check_endpoint(endpoint: Any) -> None:
    """It says what it does, and its examples are what it takes and gives."""
    operation = description([endpoint])["paths"].popitem()[1][endpoint.method.lower()]
    assert operation["summary"]
    if "body" in endpoint.examples:
        kind = endpoint.body or endpoint.takes["application/json"]
        msgspec.json.decode(msgspec.json.encode(endpoint.examples["body"]), type=kind)
    if "answer" in endpoint.examples:
        msgspec.convert(endpoint.examples["answer"], answers_of(endpoint)[0])


def check_whole(document: Any) -> None:
    """No two operations have one id, and every schema that is named is there."""
    operations = [one for path in document["paths"].values() for one in path.values()]
    ids = [one["operationId"] for one in operations]
    assert len(set(ids)) == len(ids)
    for name in set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document))):
        assert name in document["components"]["schemas"]
