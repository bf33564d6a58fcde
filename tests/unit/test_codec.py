"""Arguments, results and errors to bytes and back."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict, get_type_hints

import attrs
import msgspec
import pydantic
import pytest
import zstandard

from abaca import ArgumentError, PayloadTooLarge, ResultError
from abaca.codec import ArgumentCodec, ResultCodec, describe_error, encode_untyped, new_id, unpack


class Struct(msgspec.Struct):
    n: int


@dataclass
class Data:
    n: int
    inner: Struct | None = None


@attrs.define
class Attrs:
    n: int


class Typed(TypedDict):
    n: int


class Model(pydantic.BaseModel):
    n: int
    at: datetime | None = None


class Measured(pydantic.BaseModel):
    x: float


class Text(str): ...


def codec(fn: Callable[..., Any], **options: int) -> ArgumentCodec:
    return ArgumentCodec(fn.__name__, inspect.signature(fn), get_type_hints(fn), **options)


def plain(a: int, b: str = "x", *, c: float = 1.0) -> None: ...
def variadic(a: int, /, b: str = "x", *rest: int, k: int = 3, **extra: int) -> None: ...
def anything(a: Any) -> None: ...


@pytest.mark.parametrize(
    ("fn", "args", "kwargs", "wire"),
    [
        (plain, (1,), {}, b'{"a":1}'),
        (plain, (1, "y"), {"c": 2}, b'{"a":1,"b":"y","c":2}'),
        (plain, (), {"a": 1, "b": "z"}, b'{"a":1,"b":"z"}'),
        (variadic, (1,), {}, b'{"a":1}'),
        (variadic, (1, "y", 3, 4), {"k": 5, "a": 6}, b'{"a":1,"b":"y","rest":[3,4],"k":5,"extra":{"a":6}}'),
    ],
)
def test_a_call_comes_back_as_it_was_made(
    fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], wire: bytes
) -> None:
    # Given a call, when it is written and read
    data = codec(fn).encode(args, kwargs)
    back_args, back_kwargs = codec(fn).decode(data)
    # Then the object is by parameter name, and binding it gives the same call
    assert data == wire
    wanted, got = inspect.signature(fn).bind(*args, **kwargs), inspect.signature(fn).bind(*back_args, **back_kwargs)
    wanted.apply_defaults()
    got.apply_defaults()
    assert got.arguments == wanted.arguments


@pytest.mark.parametrize(
    "value", [Struct(1), Data(1, Struct(2)), Attrs(1), Model(n=1, at=datetime(2030, 1, 1)), Path("/a")]
)
def test_the_users_own_types_come_back(value: object) -> None:
    def handler(value: Any) -> None: ...

    handler.__annotations__["value"] = type(value)
    arguments = ArgumentCodec("handler", inspect.signature(handler), {"value": type(value)})
    assert arguments.decode(arguments.encode((value,), {})) == ((), {"value": value})
    results: ResultCodec[object] = ResultCodec(type(value), what="it")
    assert results.decode(results.encode(value)) == value


def test_a_typed_dict_and_subclasses_of_plain_types_come_back() -> None:
    typed: ResultCodec[Typed] = ResultCodec(Typed, what="it")
    assert typed.decode(typed.encode({"n": 1})) == {"n": 1}
    text: ResultCodec[str] = ResultCodec(str, what="it")
    assert text.decode(text.encode(Text("a"))) == "a"


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((), {}, ["'plain'", "missing a required argument: 'a'"]),
        ((1, "b", 3), {}, ["'plain'", "too many positional"]),
        ((1,), {"d": 3}, ["'plain'", "unexpected keyword argument 'd'"]),
        ((1,), {"a": 3}, ["'plain'", "multiple values for argument 'a'"]),
        (("1",), {}, ["'plain'", "argument 'a'", "Expected `int`, got `str`"]),
        ((1,), {"c": float("nan")}, ["argument 'c'", "NaN"]),
        ((1,), {"c": float("-inf")}, ["argument 'c'", "infinity"]),
        ((1, "\ud800"), {}, ["argument 'b'", "surrogates"]),
        ((object(),), {}, ["argument 'a'", "object cannot be stored as JSON"]),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_name(
    args: tuple[Any, ...], kwargs: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ArgumentError) as refused:
        codec(plain).encode(args, kwargs)
    for word in [*words, "nothing was enqueued"]:
        assert word in str(refused.value)


def test_a_nested_fault_names_the_argument() -> None:
    def handler(model: Model, data: Data) -> None: ...

    with pytest.raises(ArgumentError, match="argument 'model'"):
        codec(handler).encode(({"n": "no number"}, Data(1)), {})
    with pytest.raises(ArgumentError, match="argument 'data'"):
        codec(handler).encode((Model(n=1), Data("x")), {})  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [[float("nan")], {"x": [1, {"y": float("inf")}]}, Measured(x=float("nan"))])
def test_nan_is_found_wherever_it_is(value: object) -> None:
    with pytest.raises(ArgumentError, match="argument 'a': it holds NaN"):
        codec(anything).encode((value,), {})
    untyped: ResultCodec[object] = ResultCodec(Any, what="task 't'")
    with pytest.raises(ResultError, match="NaN"):
        untyped.encode(value)


def test_none_is_no_nan() -> None:
    assert codec(anything).encode(({"x": [None, 1.5]},), {}) == b'{"a":{"x":[null,1.5]}}'


def test_a_cycle_is_refused() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises(ArgumentError, match="argument 'a'"):
        codec(anything).encode((cycle,), {})


def test_arguments_above_the_limit_name_the_largest() -> None:
    def handler(small: str, large: str) -> None: ...

    assert codec(handler, limit=100).encode(("a", "b" * 70), {})
    with pytest.raises(PayloadTooLarge, match=r"task 'handler'.* 200,.*limit is 100; the largest is 'large'"):
        codec(handler, limit=100).encode(("a", "b" * 200_000), {})


def test_the_default_limit_is_a_megabyte() -> None:
    assert codec(anything).encode(("x" * 999_000,), {})
    with pytest.raises(PayloadTooLarge, match="1,000,000"):
        codec(anything).encode(("x" * 1_000_000,), {})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{}", "missing required field `a`"),
        (b'{"a":"x"}', "argument 'a': Expected `int`"),
        (b'{"a":1,"z":2}', "unknown field `z`"),
        (b"[1]", "task 'plain'"),
        (b"\xff", "task 'plain'"),
        (b"\x28\xb5\x2f\xfd broken", "cannot be read"),
    ],
)
def test_stored_arguments_that_do_not_fit_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        codec(plain).decode(data)


def test_an_extra_argument_cannot_replace_a_named_one() -> None:
    with pytest.raises(ArgumentError, match="argument 'b': it is given twice"):
        codec(variadic).decode(b'{"a":1,"extra":{"b":2}}')


def test_arguments_by_name_are_checked_like_a_call() -> None:
    assert codec(plain).encode_named({"a": 1, "c": 2.5}) == b'{"a":1,"c":2.5}'
    with pytest.raises(ArgumentError, match="missing required field `a`"):
        codec(plain).encode_named({})
    with pytest.raises(ArgumentError, match="unknown field `z`"):
        codec(plain).encode_named({"a": 1, "z": 1})


def test_untyped_arguments_are_checked_for_json_and_size() -> None:
    assert encode_untyped("far", {"a": [1, None]}) == b'{"a":[1,null]}'
    with pytest.raises(ArgumentError, match="task 'far', argument 'a'"):
        encode_untyped("far", {"a": float("nan")})
    with pytest.raises(PayloadTooLarge):
        encode_untyped("far", {"a": "x" * 50}, limit=20)


def test_long_json_is_compressed_where_that_helps() -> None:
    # Given a long argument
    data = codec(anything).encode(("word " * 2000,), {})
    # Then it takes less room, says what it is, and comes back
    assert len(data) < 500
    assert data.startswith(b"\x28\xb5\x2f\xfd")
    assert unpack(data).startswith(b'{"a":"word ')
    assert codec(anything).decode(data) == ((), {"a": "word " * 2000})


def test_a_frame_that_would_grow_beyond_reason_is_refused() -> None:
    bomb = zstandard.ZstdCompressor().compress(b"0" * (65 << 20))
    with pytest.raises(ArgumentError, match="above the limit"):
        codec(anything).decode(bomb)


def test_a_frame_without_its_size_is_refused() -> None:
    compressor = zstandard.ZstdCompressor(write_content_size=False)
    with pytest.raises(ArgumentError, match="compressed payload"):
        codec(anything).decode(compressor.compress(b'{"a":1}'))


@pytest.mark.parametrize("value", ["text", None, 1.5, object(), b"\xff", {1, 2}])
def test_a_result_of_another_type_is_refused(value: object) -> None:
    codec: ResultCodec[object] = ResultCodec(int, what="task 't'")
    with pytest.raises(ResultError, match="task 't': the result cannot be stored as int"):
        codec.encode(value)


def test_a_result_above_the_limit_is_refused() -> None:
    codec: ResultCodec[str] = ResultCodec(str, what="task 't'", limit=101)
    with pytest.raises(PayloadTooLarge, match="task 't': the result takes 102 bytes"):
        codec.encode("x" * 100)


def test_a_stored_result_of_another_type_is_refused() -> None:
    with pytest.raises(ResultError, match="cannot be read as int"):
        ResultCodec(int, what="this job").decode(b'"text"')


def test_pydantic_is_not_imported_for_those_who_do_not_use_it() -> None:
    code = (
        "import sys; from abaca.codec import ResultCodec; r = ResultCodec(dict[str, int], what='it')\n"
        "r.decode(r.encode({'a': 1})); print('pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50)
    assert done.stdout == "False\n"


class Rude(Exception):
    def __str__(self) -> str:
        raise SystemExit("no")


class Huge(Exception):
    def __str__(self) -> str:
        return "x" * 10_000_000


def caught(make: Callable[[], BaseException]) -> BaseException:
    try:
        raise make()
    except BaseException as error:
        return error


def test_an_error_keeps_its_type_message_and_traceback() -> None:
    error = describe_error(caught(lambda: FileNotFoundError("gone")))
    assert (error.type, error.message) == ("builtins.FileNotFoundError", "gone")
    assert error.kinds[:3] == ("builtins.FileNotFoundError", "builtins.OSError", "builtins.Exception")
    assert "raise make()" in error.traceback
    assert error.traceback.rstrip().endswith("FileNotFoundError: gone")


def test_an_error_of_the_users_own_has_its_modules_name() -> None:
    assert describe_error(Rude()).type == f"{__name__}.Rude"


def test_frames_of_abaca_itself_are_left_out() -> None:
    # Given an error whose first frames are Abaca's
    globals_ = {"__name__": "abaca.worker.runner"}
    exec(compile("def outer(fn):\n    fn()\n", "runner.py", "exec"), globals_)  # noqa: S102 - a frame of another module

    def user_code() -> None:
        raise ValueError("mine")

    def called_by_abaca() -> ValueError:
        globals_["outer"](user_code)  # type: ignore[operator]
        raise AssertionError

    with pytest.raises(ValueError, match="mine") as failed:
        called_by_abaca()
    own = failed.value.with_traceback(failed.tb.tb_next.tb_next if failed.tb.tb_next else None)
    text = describe_error(own).traceback
    # Then the traceback begins with the user's
    assert "runner.py" not in text
    assert "user_code" in text


@pytest.mark.parametrize("make", [Rude, Huge, lambda: ValueError("\x00\x1b[31m\ud800"), RecursionError])
def test_no_exception_can_hurt_its_observer(make: Callable[[], BaseException]) -> None:
    error = describe_error(caught(make), max_message=100, max_traceback=1000)
    assert len(error.message) < 200
    assert len(error.traceback) < 1200
    assert msgspec.json.decode(msgspec.json.encode(error), type=type(error)) == error


def test_control_characters_stay_and_lone_surrogates_become_text() -> None:
    assert describe_error(ValueError("a\x00b\x1b\ud800")).message == "a\x00b\x1b\\ud800"


def test_ids_rise_and_end_with_their_partition() -> None:
    ids = [new_id(7) for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert all(len(id) == 32 and id.endswith("07") and id[12] == "7" for id in ids)
