"""What people write on a command line, as values."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from cyclopts import Parameter

from abaca import ConfigError
from abaca_strategies.requests import MAX_CODE, Request

R = TypeVar("R", bound=Request)
Id = Annotated[int, Parameter(name="ID", help="The strategy.")]
Dataset = Annotated[str | None, Parameter(help="A data set or its digest. [default: that of the settings]")]
Start = Annotated[str | None, Parameter(name="--from", help="The first day, as 2020-01-31. [default: of the data]")]
End = Annotated[str | None, Parameter(name="--to", help="The last day. [default: of the data]")]
Symbols = Annotated[
    tuple[str, ...], Parameter(help="Tickers, with commas between; may be given several times.", negative="")
]
VersionOf = Annotated[int | None, Parameter(help="A version. [default: the newest]")]
Timeframe = Annotated[str | None, Parameter(help="Bars are made into it first, as 1w. [default: as they are]")]
Params = Annotated[
    tuple[str, ...],
    Parameter(name="--param", help="As --param fast=10; may be given several times.", negative=""),
]
_DASH = "-"


def code_in(path: str) -> str:
    """The text of a file, of standard input for ``-``. Raises ``ConfigError``."""
    try:
        data = sys.stdin.buffer.read(MAX_CODE + 1) if path == _DASH else _read(Path(path))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_CODE:
        raise ConfigError(f"{path} is too long: at most {MAX_CODE:,} bytes are taken")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text in UTF-8") from error


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_CODE + 1)


def text_of(path: Path) -> str:
    """Raises ``ConfigError``."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text in UTF-8") from error


def params_of(words: Iterable[str], flag: str = "--param") -> dict[str, Any]:
    """``fast=10`` is a number, ``kind="ema"`` and what is no JSON is text. Raises ``ConfigError``."""
    found: dict[str, Any] = {}
    for word in words:
        name, is_there, text = word.partition("=")
        if not is_there or not name.strip():
            raise ConfigError(f"{flag}: {word!r} is no NAME=VALUE")
        if name in found:
            raise ConfigError(f"{flag}: {name} is given twice")
        found[name] = value_of(text)
    return found


def value_of(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def listed(words: Iterable[str]) -> list[str] | None:
    """``A,B`` and ``A B`` are both two; ``None`` where nothing was given."""
    return [part for word in words for part in word.split(",") if part] or None


def request_of(kind: type[R], given: Mapping[str, Any]) -> R:
    """A request of what was given; ``None`` leaves a field as it is by default. Raises ``ConfigError``."""
    try:
        return msgspec.convert({name: one for name, one in given.items() if one is not None}, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)) from error
