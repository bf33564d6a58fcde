"""Results and exceptions that harm whoever looks at them. Also tasks of a child process, which must import them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pydantic

from abaca.app import App
from abaca.context import Ctx

FRAMES = 250_000
app = App("memory://")


class UglyRepr:
    def __repr__(self) -> str:
        raise SystemExit("no")


class EndlessRepr:
    def __repr__(self) -> str:
        return repr(self)


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("never say why")


class EndlessError(Exception):
    def __str__(self) -> str:
        return str(self)


class HugeError(Exception):
    def __str__(self) -> str:
        return "x" * 20_000_000


class NoText(Exception):
    def __str__(self) -> Any:
        return 7  # noqa: PLE0307 - that is the point


class Sly(str):
    """A text that lies about its length and cannot be cut."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, key: object) -> str:
        raise SystemExit

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        raise SystemExit


class SlyError(Exception):
    def __str__(self) -> str:
        return Sly("sly " * 1000)


class Homeless(Exception):
    """Its module is no text."""


Homeless.__module__ = UglyRepr()  # type: ignore[assignment]


class Looped(Exception):
    @property
    def __cause__(self) -> Any:  # type: ignore[override]
        raise SystemExit


class LongNamed(Exception): ...


LongNamed.__qualname__ = "x" * 100_000


class RudeModel(pydantic.BaseModel):
    n: int

    @pydantic.field_serializer("n")
    def write(self, n: int) -> int:
        raise SilentError


def generator() -> Iterator[int]:
    yield 1


def cycle() -> Any:
    value: dict[str, Any] = {}
    value["self"] = [value]
    return value


def deep() -> Any:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


def coroutine() -> Any:
    async def never() -> None: ...

    made = never()
    made.close()
    return made


RESULTS: dict[str, tuple[Callable[[], Any], str]] = {
    "lock": (threading.Lock, "lock cannot be stored as JSON"),
    "generator": (generator, "generator cannot be stored as JSON"),
    "coroutine": (coroutine, "coroutine cannot be stored as JSON"),
    "function": (lambda: len, "cannot be stored as JSON"),
    "class": (lambda: int, "cannot be stored as JSON"),
    "module": (lambda: sys, "module cannot be stored as JSON"),
    "file": (lambda: sys.stderr, "cannot be stored as JSON"),
    "exception": (lambda: ValueError("x"), "ValueError cannot be stored as JSON"),
    "ugly repr": (UglyRepr, "UglyRepr cannot be stored as JSON"),
    "endless repr": (EndlessRepr, "EndlessRepr cannot be stored as JSON"),
    "inside": (lambda: {"a": [1, threading.Lock()]}, "lock cannot be stored as JSON"),
    "cycle": (cycle, "recursion"),
    "deep": (deep, "recursion"),
    "huge": (lambda: ["x" * 1000] * 50_000, "bytes as JSON and the limit is 1,000,000"),
    "huge number": (lambda: 10**5000, "4300 digits"),
    "nan": (lambda: float("nan"), "NaN or an infinity"),
    "surrogate": (lambda: "\ud800", "surrogates"),
    "rude model": (lambda: RudeModel(n=1), "SilentError"),
}


def group() -> BaseException:
    return ExceptionGroup("many", [ValueError(n) for n in range(50_000)])


def nest_of_groups() -> BaseException:
    made: list[Exception] = [ValueError("innermost")]
    for _ in range(5_000):
        made = [ExceptionGroup("nest", made)]
    return made[0]


def chain() -> BaseException:
    made: BaseException | None = None
    for n in range(50_000):
        link = ValueError(n)
        link.__cause__ = made
        made = link
    assert made is not None
    return made


def loop_of_causes() -> BaseException:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    return one


ERRORS: dict[str, Callable[[], BaseException]] = {
    "silent": SilentError,
    "endless": EndlessError,
    "huge": HugeError,
    "no text": NoText,
    "sly": SlyError,
    "homeless": Homeless,
    "looped": Looped,
    "long name": LongNamed,
    "ugly key": lambda: KeyError(UglyRepr()),
    "control": lambda: ValueError("\x00\x1b[31m\r\n\ud800\u202e"),
    "group": group,
    "nest of groups": nest_of_groups,
    "chain": chain,
    "loop of causes": loop_of_causes,
}


def climb(n: int) -> None:
    if n == 0:
        raise ValueError("the top")
    climb(n - 1)


def fall_from_far() -> None:
    """Raises through ``FRAMES`` frames. A Python-to-Python call takes no C stack since 3.11."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(FRAMES + 10_000)
    try:
        climb(FRAMES)
    finally:
        sys.setrecursionlimit(before)


@app.task(pool="process")
def give_rudely(ctx: Ctx, name: str) -> Any:
    return RESULTS[name][0]()


@app.task(pool="process")
def fail_rudely(name: str) -> int:
    raise ERRORS[name]()
