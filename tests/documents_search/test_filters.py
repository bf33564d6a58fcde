"""A filter means the same in Python and in SQL, and what it means is what its page says."""

from __future__ import annotations

import json
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abaca_documents.errors import ValidationError
from abaca_documents.filters import matches, read_filter
from abaca_documents.filtersql import to_sql

ABOUT = {
    "year": 2021,
    "rate": 2.0,
    "draft": False,
    "tags": ["tax", "law", 3],
    "author": {"name": "Ada", "age": None},
    "title": "On leases",
    "empty": [],
}
SQLITE = apsw.Connection(":memory:")
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.0, 1.0, 1.5, 2.0**53]), st.sampled_from("aAbß"),
    st.just("ab"), st.just(2**53 + 1), st.just(""),
)  # fmt: skip
NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner), max_leaves=4)
PATHS = st.sampled_from(["a", "b", "c", "a.b", "b.a", "document_id", "page"])
ORDERED = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, "a", "b", ""]))
CONDITIONS = st.one_of(
    st.builds(lambda op, value: {op: value}, st.sampled_from(["$eq", "$ne", "$contains"]), SCALARS),
    st.builds(lambda op, value: {op: value}, st.sampled_from(["$in", "$nin"]), st.lists(SCALARS, max_size=3)),
    st.builds(lambda op, value: {op: value}, st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), ORDERED),
    st.builds(lambda value: {"$exists": value}, st.booleans()),
)
LEAVES = st.dictionaries(PATHS, SCALARS | CONDITIONS | st.builds(lambda inner: {"$not": inner}, CONDITIONS), max_size=2)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(
            lambda op, parts: {op: parts}, st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1, max_size=3)
        )
        | st.builds(lambda part: {"$not": part}, inner)
    ),
    max_leaves=5,
)


def ask_sqlite(given: dict[str, Any], metadata: dict[str, Any], document: str = "d", page: int = 0) -> bool:
    """What SQLite says to the compiled filter."""
    condition, values = to_sql(read_filter(given), "m", {"document_id": "t.document", "page": "t.page"})
    row = "(SELECT ? AS m, ? AS document, ? AS page) AS t"
    ask = f"SELECT {condition} FROM {row}"
    ((answer,),) = SQLITE.execute(ask, (*values, json.dumps(metadata), document, page)).fetchall()
    assert answer in (0, 1)
    return bool(answer)


@settings(max_examples=120)
@given(given_=FILTERS, metadata=st.dictionaries(NAMES, VALUES, max_size=3), document=st.sampled_from("ab"))
def test_sql_and_python_agree(given_: dict[str, Any], metadata: dict[str, Any], document: str) -> None:
    seen = metadata | {"document_id": document, "page": 2}
    assert ask_sqlite(given_, metadata, document, 2) == matches(read_filter(given_), seen)


@pytest.mark.parametrize(
    ("given_", "answer"),
    [
        ({}, True),
        ({"year": 2021}, True),
        ({"year": 2021.0}, True),
        ({"year": "2021"}, False),
        ({"draft": 0}, False),
        ({"draft": False}, True),
        ({"year": {"$gte": 2020, "$lt": 2021}}, False),
        ({"title": {"$gt": "O"}}, True),
        ({"title": {"$gt": 1}}, False),
        ({"tags": "tax"}, True),
        ({"tags": {"$in": ["x", 3]}}, True),
        ({"tags": {"$nin": ["x", 3]}}, False),
        ({"tags": {"$contains": "law"}}, True),
        ({"tags": {"$contains": "la"}}, False),
        ({"title": {"$contains": "lease"}}, True),
        ({"author.name": "Ada"}, True),
        ({"author.age": None}, True),
        ({"author.age": {"$exists": True}}, True),
        ({"author.town": None}, False),
        ({"gone": {"$ne": 1}}, True),
        ({"gone": {"$exists": False}}, True),
        ({"$or": [{"year": 1}, {"rate": 2}]}, True),
        ({"$not": {"year": 2021}}, False),
        ({"year": {"$not": {"$gt": 2030}}}, True),
        ({"empty": {"$in": []}}, False),
        ({"tags": {"$ne": None}}, True),
        ({"titel'; DROP TABLE t; --": 1}, False),
    ],
)
def test_a_filter_means_what_it_says(given_: dict[str, Any], answer: bool) -> None:
    assert matches(read_filter(given_), ABOUT) is answer
    assert ask_sqlite(given_, ABOUT) is answer


@pytest.mark.parametrize(
    ("given_", "field"),
    [
        ({"$nor": []}, r"filter\.\$nor"),
        ({"$and": []}, r"filter\.\$and"),
        ({"$or": [{"a": {"$gt": True}}]}, r"filter\.\$or\[0\]\.a\.\$gt"),
        ({"a": {"$like": "x"}}, "no operator"),
        ({"a": [1]}, r"use \$in"),
        ({"a": {}}, "no condition"),
        ({"a": {"$in": "x"}}, "list of values"),
        ({"a": {"$exists": 1}}, "true or false"),
        ({"a..b": 1}, "no empty part"),
        ({'a"b': 1}, "no quote"),
        ({"a": 2**70}, "out of range"),
        ({"a": {"$in": [*range(3), {}]}}, r"\$in\[3\]"),
    ],
)
def test_a_filter_that_cannot_be_used_says_where(given_: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        read_filter(given_)


def test_a_filter_that_nests_without_end_is_refused() -> None:
    given_: dict[str, Any] = {"a": 1}
    for _ in range(50):
        given_ = {"$not": given_}
    with pytest.raises(ValidationError, match="nested"):
        read_filter(given_)
