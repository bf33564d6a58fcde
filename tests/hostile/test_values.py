"""Arguments and results that JSON, a number's size or a type could change: each arrives as it was, or is refused.

RELIABILITY H1 to H3. A row of ``EXACT`` must come back equal and of its own type; a row of ``REFUSED`` must name its
argument.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, TypedDict
from uuid import UUID

import msgspec
import pydantic
import pytest

from abaca import App, ArgumentError, Ctx, PayloadTooLarge, ResultError
from abaca.codec import ArgumentCodec, ResultCodec

LIMIT = 1000
UNDER_BERLINS_SKY = timezone(timedelta(minutes=53, seconds=28))  # what pytz gives to those who pass it as tzinfo


class Base(msgspec.Struct):
    n: int


class Wider(Base):
    m: int = 3


@dataclass
class Point:
    x: float


@dataclass
class Point3(Point):
    z: float = 0.0


class Fields(TypedDict):
    n: int


class Loose(pydantic.BaseModel):
    n: int


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Incomparable(msgspec.Struct, eq=False):
    n: int

    def __eq__(self, other: object) -> bool:
        raise TypeError("cannot be compared")

    __hash__ = None  # type: ignore[assignment]


def nested(depth: int, *, mapping: bool = False) -> Any:
    value: Any = {} if mapping else []
    for _ in range(depth):
        value = {"a": value} if mapping else [value]
    return value


EXACT: list[tuple[Any, Any]] = [
    (str, ""),
    (str, "\x00"),
    (str, "\x00\x01\x1b[31m\u202e\u2028\ufeff\ufffe\U0010ffff"),
    (str, "caf\u00e9 cafe\u0301"),
    (str, "null NaN Infinity"),
    (int, 0),
    (int, -(2**63)),
    (int, 2**64),
    (int, -(10**400)),
    (Any, 10**4299),
    (float, -0.0),
    (Any, [-0.0, 0.0]),
    (float, 5e-324),
    (float, sys.float_info.max),
    (float, 0.1 + 0.2),
    (float, 2**53),
    (Any, [1e22, 123456789012345678, 1.0, 1]),
    (int | float, 1.0),
    (float | None, None),
    (bytes, b""),
    (bytes, bytes(range(256))),
    (dict[int, str], {1: "a", -1: "b"}),
    (dict[str, Any], {"": {"": [{}]}, "a.b": None, "$": 1}),
    (dict[str, Any], {"\x00": "\x00", "\u202e": 1}),
    (set[int], {3, 1, 2}),
    (tuple[int, str], (1, "x")),
    (list[Any], [[], {}, None, "null"]),
    (Decimal, Decimal("1E+400")),
    (Decimal, Decimal("0.10")),
    (timedelta, timedelta(days=-1, microseconds=1)),
    (timedelta, timedelta.max),
    (datetime, datetime.max),
    (datetime, datetime(1, 1, 1, tzinfo=UTC)),
    (datetime, datetime(2030, 1, 1, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=-9, minutes=-30)))),
    (UUID, UUID(int=0)),
    (Colour, Colour.RED),
    (Base, Base(2**60)),
    (Point, Point(math.pi)),
    (Fields, {"n": 1}),
    (Loose, Loose(n=1)),
    (Any, nested(500)),
    (dict[str, Any], nested(500, mapping=True)),
]

AS_JSON_HAS_IT: list[tuple[Any, Any, Any]] = [
    (Any, (1, (2,)), [1, [2]]),
    (Any, {1: "a"}, {"1": "a"}),
    (Any, {1.5: {2}}, {"1.5": [2]}),
    (Any, b"\xff", "/w=="),
    (Any, datetime(2030, 1, 1), "2030-01-01T00:00:00"),
    (Any, Base(1), {"n": 1}),
    (Any, OrderedDict(a=1), {"a": 1}),
    (list[int], (1, 2), [1, 2]),
    (float, 3, 3.0),
    (int, Level.LOW, 1),
]
"""Where no type is declared, or a wider one: the value as JSON has it. Nothing of it is lost."""

REFUSED: list[tuple[Any, Any, str]] = [
    (float, math.nan, "NaN or an infinity"),
    (float, 1e400, "NaN or an infinity"),
    (float | None, -math.inf, "NaN or an infinity"),
    (Any, {"a": [1, {"b": math.nan}]}, "NaN or an infinity"),
    (float, 10**400, "out of range"),
    (float, 2**53 + 1, "9007199254740993 would become 9007199254740992.0"),
    (list[float], [0.5, 2**53 + 1], r"at \[1\]: 9007199254740993"),
    (int, 10**5000, "4300 digits"),
    (Any, [10**5000], "4300 digits"),
    (int, -0.0, "Expected `int`"),
    (str, "\ud800", "surrogates"),
    (Any, ["a\udfff"], "surrogates"),
    (Any, {"\ud800": 1}, "surrogates"),
    (Any, {1: "a", "1": "b"}, "'a' would become 'b'"),
    (Any, {1: "a", "1": "a"}, "two keys have the same text '1'"),
    (dict[str, int], {"x": 1, 2: 2, "2": 3}, "2 would become 3"),
    (Any, {True: 1}, "True would be dropped or become another key"),
    (Any, {None: 1}, "NoneType"),
    (Any, {(1, 2): 3}, "tuple"),
    (Base, Wider(1, m=7), "'m' would be dropped"),
    (Point, Point3(1.0, 2.0), "'z' would be dropped"),
    (list[Base], [Base(1), Wider(1)], r"at \[1\]: 'm'"),
    (Fields, {"n": 1, "more": 2}, "'more' would be dropped"),
    (datetime, datetime(2030, 1, 1, tzinfo=UNDER_BERLINS_SKY), "offset 0:53:28 has seconds"),
    (Any, {"at": datetime(2030, 1, 1, tzinfo=UNDER_BERLINS_SKY)}, "at at: the time zone offset"),
    (time, time(1, 2, tzinfo=UNDER_BERLINS_SKY), "has seconds"),
    (Any, nested(100_000), "recursion"),
    (Any, nested(100_000, mapping=True), "recursion"),
    (bool, 1, "Expected `bool`"),
    (Any, object(), "cannot be stored as JSON"),
]


def arguments(type: Any, limit: int = 1_000_000) -> ArgumentCodec:
    parameter = inspect.Parameter("value", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return ArgumentCodec("store", inspect.Signature([parameter]), {"value": type}, limit=limit)


@pytest.mark.parametrize(("type_", "value"), EXACT, ids=range(len(EXACT)))
def test_an_argument_and_a_result_come_back_exactly(type_: Any, value: Any) -> None:
    # When a value is written and read as an argument and as a result
    _, read = arguments(type_).decode(arguments(type_).encode((value,), {}))
    results: ResultCodec[Any] = ResultCodec(type_, what="it")
    result = results.decode(results.encode(value))
    # Then both times it is the same value, and a float and an int stay what they are, the sign of zero included
    for back in (read["value"], result):
        assert back == value
        assert repr(back) == repr(value) or isinstance(value, int | float) or type(back) is type(value)
        if isinstance(value, float):
            assert math.copysign(1, back) == math.copysign(1, value)


@pytest.mark.parametrize(("type_", "value", "back"), AS_JSON_HAS_IT)
def test_without_a_type_of_its_own_a_value_arrives_as_json_has_it(type_: Any, value: Any, back: Any) -> None:
    codec = arguments(type_)
    assert codec.decode(codec.encode((value,), {}))[1]["value"] == back


@pytest.mark.parametrize(("type_", "value", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_would_arrive_changed_is_refused_by_name(type_: Any, value: Any, words: str) -> None:
    # An argument is refused before anything is enqueued
    with pytest.raises(ArgumentError, match=words) as refused:
        arguments(type_).encode((value,), {})
    assert "task 'store', argument 'value'" in str(refused.value)
    assert "nothing was enqueued" in str(refused.value)
    # And a result fails its job with the reason
    with pytest.raises(ResultError, match=words):
        ResultCodec(type_, what="task 'store'").encode(value)


def test_a_value_that_cannot_be_compared_is_judged_by_its_json() -> None:
    codec = arguments(Incomparable)
    assert codec.decode(codec.encode((Incomparable(7),), {}))[1]["value"].n == 7


@pytest.mark.parametrize(("over", "fits"), [(-1, True), (0, True), (1, False)])
def test_the_size_limit_is_exact(over: int, fits: bool) -> None:
    """The limit counts the bytes of the JSON: here two quotes, and a name with its punctuation for an argument."""
    text, result = "x" * (LIMIT - len('{"value":""}') + over), "x" * (LIMIT - 2 + over)
    codec = arguments(str, LIMIT)
    results: ResultCodec[str] = ResultCodec(str, what="it", limit=LIMIT)
    if fits:
        assert codec.decode(codec.encode((text,), {})) == ((), {"value": text})
        assert results.decode(results.encode(result)) == result
        return
    with pytest.raises(PayloadTooLarge, match=r"1,001 bytes as JSON and the limit is 1,000;.*nothing was enqueued"):
        codec.encode((text,), {})
    with pytest.raises(PayloadTooLarge, match="1,001 bytes"):
        results.encode(result)


def test_the_limit_counts_bytes_not_characters() -> None:
    with pytest.raises(PayloadTooLarge):
        arguments(str, LIMIT).encode(("\u00e4" * (LIMIT // 2),), {})


@pytest.fixture
async def app(store_url: str) -> AsyncIterator[App]:
    async with App(store_url) as app:
        yield app


async def test_every_store_and_a_worker_hand_values_on_unchanged(app: App) -> None:
    """The codec is not all: bytes go through a store, a claim, a handler and a settle."""

    @app.task
    async def echo(ctx: Ctx, value: Any) -> Any:
        return value

    # Given every value that JSON itself can hold exactly, small and up to the limit
    values = [value for type_, value in EXACT if type_ in (str, int, float, Any, dict[str, Any], list[Any])]
    values += ["", "x" * 999_980, "\x00" * 160_000]
    # When each goes there and back
    jobs = await app.enqueue_many(echo.call(value) for value in values)
    async with app.worker(concurrency=10):
        back = [await job.result(timeout=30) for job in jobs]
    # Then nothing has changed
    assert back == values


async def test_an_argument_by_name_is_held_to_the_same(app: App) -> None:
    """The task is not known here: what JSON itself would change is refused all the same."""
    for value, words in [
        ({1: "a", "1": "b"}, "'a' would become 'b'"),
        (math.inf, "infinity"),
        (nested(100_000), "recursion"),
        ("\ud800", "surrogates"),
    ]:
        with pytest.raises(ArgumentError, match=words):
            await app.enqueue_by_name("elsewhere", {"value": value}, pool="async")
    assert (await app.stats()).queues == []
