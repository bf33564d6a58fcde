"""Batch handlers as they are declared, and what their callers see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from abaca import App, ArgumentError, BatchCtx, ConfigError, Limit, TaskDeclarationError
from abaca.options import TaskOptions

app = App("memory://")


@dataclass
class Doc:
    name: str


@app.task(batch=100, linger="20ms", parallel=3, queue="search", limits=[Limit(rate=10)])
async def index(ctx: BatchCtx, docs: list[Doc]) -> list[int]:
    return [len(doc.name) for doc in docs]


@app.task(batch=2)
def sort_out(docs: list[Doc]) -> list[int | Exception]:
    return [len(doc.name) or ValueError("empty") for doc in docs]


@app.task(batch=2)
async def maybe(docs: list[Doc]) -> list[int | None]:
    return [None for _ in docs]


def test_callers_give_one_element() -> None:
    # When one call is made
    job = index.call(Doc("a")).job
    # Then it is stored by the parameter's name, in the lane of its batch
    assert msgspec.json.decode(job.args) == {"docs": {"name": "a"}}
    assert (job.lane, job.queue) == ("batch:index", "search")
    # And it is read back as the worker needs it
    assert index.arguments.decode(job.args) == ((), {"docs": Doc("a")})


@pytest.mark.parametrize("wrong", [[Doc("a")], 7, {"nome": "a"}])
def test_what_is_no_element_is_refused(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="'docs'"):
        index.call(wrong)


def test_results_are_elements_without_exceptions() -> None:
    assert index.results.decode(b"7") == 7
    assert sort_out.results.decode(b"7") == 7
    assert maybe.results.decode(b"null") is None


def test_it_stays_an_ordinary_function() -> None:
    assert sort_out([Doc("a")]) == [1]


def test_options_are_told_to_processes_without_the_code() -> None:
    told = msgspec.json.decode(msgspec.json.encode(index.options), type=TaskOptions)
    assert told == index.options
    assert told.job_fields["lane"] == "batch:index"
    assert (told.batch, told.linger_ms, told.parallel) == (100, 20, 3)
    assert sort_out.options.linger_ms == 50


async def test_a_pool_given_by_name_keeps_the_lane() -> None:
    job = await app.named_job("index", {"docs": {"name": "a"}}, pool="thread")
    assert job.lane == "batch:index"


def test_an_element_type_may_be_defined_later() -> None:
    # Given a handler of a class that is defined below it
    space: dict[str, Any] = {"app": App("memory://"), "__name__": "later"}
    exec(  # noqa: S102 - our own text
        "from __future__ import annotations\n"
        "@app.task(batch=2)\nasync def late(xs: list[X]) -> list[X]: ...\n"
        "class X(int): ...\n",
        space,
    )
    # Then the first call finds it
    assert msgspec.json.decode(space["late"].call(space["X"](3)).job.args) == {"xs": 3}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"batch": 0}, "batch"),
        ({"batch": 1001}, "batch"),
        ({"batch": True}, "batch"),
        ({"batch": 2, "linger": "2m"}, "linger"),
        ({"batch": 2, "linger": "soon"}, "linger"),
        ({"batch": 2, "parallel": 0}, "parallel"),
        ({"linger": "1s"}, "linger"),
        ({"parallel": 2}, "parallel"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=f"'wrong', {named}"):

        @App("memory://").task(**options)  # type: ignore[untyped-decorator, unused-ignore]
        async def wrong(ns: list[int]) -> None: ...


async def two(a: list[int], b: int) -> None: ...
async def none_at_all() -> None: ...
async def no_list(n: int) -> None: ...
async def unannotated(ns) -> None: ...  # type: ignore[no-untyped-def]
async def defaulted(ns: list[int] = []) -> None: ...  # noqa: B006
async def variadic(*ns: int) -> None: ...
async def by_name(*, ns: list[int]) -> None: ...
async def one_result(ns: list[int]) -> int:
    return ns[0]


async def dictionary(ns: list[int]) -> dict[int, int]:
    return dict.fromkeys(ns, 1)


@pytest.mark.parametrize(
    "fn", [two, none_at_all, no_list, unannotated, defaulted, variadic, by_name, one_result, dictionary]
)
def test_a_function_that_can_take_no_batch_is_refused(fn: Any) -> None:
    with pytest.raises(TaskDeclarationError, match=fn.__name__):
        App("memory://").task(batch=2)(fn)


async def generator(ns: list[int]) -> AsyncIterator[int]:
    for n in ns:
        yield n


def test_a_generator_takes_no_batch() -> None:
    with pytest.raises(TaskDeclarationError, match="generator"):
        App("memory://").task(batch=2)(generator)  # type: ignore[arg-type]


def test_a_process_takes_no_batches() -> None:
    with pytest.raises(TaskDeclarationError, match="takes no batches"):

        @App("memory://").task(batch=2, pool="process")
        def wrong(ns: list[int]) -> None: ...


def test_a_timeout_is_of_the_call_and_no_option_of_one_job() -> None:
    with pytest.raises(ConfigError, match="batch task"):
        index.opts(timeout=3)
