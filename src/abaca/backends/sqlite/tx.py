"""One transaction, as the verbs see it: statements by name, one instant, and the hints to give once it is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import apsw
import msgspec

from abaca.backends.sqlite.statements import sql
from abaca.model import Job

_encode = msgspec.json.Encoder().encode


Told = tuple[str, Job | None]
"""A topic of which something changed, and the job's record where somebody here awaits it."""
Wanted = Callable[[Iterable[str]], list[str]]
"""Those of some topics that somebody in this process watches."""


class Tx:
    """``now`` is the same for all that happens in the transaction."""

    def __init__(self, connection: apsw.Connection, now: int, wanted: Wanted, no_room: str | None = None) -> None:
        """``no_room`` says why new jobs are to be refused."""
        self.connection = connection
        self.now = now
        self.hints: list[Told] = []
        self.wanted = wanted
        self.no_room = no_room

    def run(self, name: str, /, **values: Any) -> None:
        self.connection.execute(sql(name), values)

    def many(self, name: str, /, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row, whose values are in the order in which the statement first names them."""
        self.connection.executemany(sql(name), rows)

    def change(self, name: str, /, **values: Any) -> int:
        """Run a statement; answers how many rows it changed."""
        self.connection.execute(sql(name), values)
        return self.connection.changes()

    def rows(self, name: str, /, **values: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql(name), values).fetchall()

    def hint(self, topic: str, job: Job | None = None) -> None:
        self.hints.append((topic, job))


def pack(rows: Sequence[object] | Mapping[str, object]) -> str:
    """The one JSON parameter of a statement."""
    return _encode(rows).decode()


def split_bytes(data: bytes | None) -> tuple[str | None, str | None]:
    """A client's bytes for a JSON parameter: as text where they are text, otherwise in hexadecimal."""
    if data is None:
        return None, None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None, data.hex()
    return (None, data.hex()) if "\0" in text else (text, None)


def column(data: bytes | None) -> str | bytes | None:
    """A client's bytes for a bound parameter: as text where they are text, otherwise as they are."""
    if data is None:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return data
    return data if "\0" in text else text


def from_column(value: object) -> bytes:
    """A client's bytes as they were. Raises ``ValueError`` for a column that holds neither text nor bytes."""
    if type(value) is str:
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise ValueError(f"a column that holds bytes has a value of type {type(value).__name__}")


def binary_id(id: str) -> bytes | None:
    """The 16 bytes of an id, or ``None`` for what cannot be one, which is then unknown to the store."""
    try:
        raw = bytes.fromhex(id)
    except ValueError:
        return None
    return raw if len(raw) == 16 and raw.hex() == id else None
