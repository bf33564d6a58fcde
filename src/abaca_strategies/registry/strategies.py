"""The registry of strategies: every edit is a version, and none is lost.

Three kinds of records. The *counter* holds the last id. A strategy's *head* holds what belongs to it as a whole and the
number of its newest version. A *version* is written once, in one act with the head that counts it, and never changed.
So numbers have no holes, and whoever loses a race reads again and becomes the version after.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from abaca import Record
from abaca_strategies.errors import CodeRefused, Conflict, Refused, StrategyNotFound, VersionNotFound
from abaca_strategies.models import Strategy
from abaca_strategies.registry.diffing import unified
from abaca_strategies.registry.recording import Records, again, now_text, put_all, read_one
from abaca_strategies.requests import EditStrategyRequest
from abaca_strategies.running.linting import Finding, lint

COUNTER = "strategies.counter"
HEAD = "strategies.head"
VERSION = "strategies.version"
MADE = "strategies.made"
"""Which strategy a token made: a creation that is repeated makes none twice."""
MADE_MS = 7 * 86_400_000
MAX_VERSIONS = 1_000
MAX_PAGE = 200
_READ = 100
"""Strategies that are read at once for a list."""
_ID = "strategies"


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer calls its code, and says of it."""

    name: str = ""
    description: str = ""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs to a strategy and not to one version of it."""

    strategy_id: int
    user_id: int = 0
    newest: int = 1
    name: str
    """That of the newest version."""
    description: str = ""
    code_digest: str
    created_at: str
    updated_at: str
    score: float | None = None
    is_alert_active: bool = False
    alert_threshold: float | None = None
    alert_universe: list[str] | None = None
    min_timeframe: str | None = None
    alert_last_trigger_at: str | None = None
    written: Named = Named()
    """What a writer named it last. A name that is still this one is the writer's to change."""


class VersionInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One version, without its code."""

    strategy_id: int
    version: int
    name: str
    prompt: str = ""
    created_at: str
    code_digest: str


class StrategyPage(msgspec.Struct, frozen=True, kw_only=True):
    items: list[Head]
    cursor: str | None = None
    """Where the next page begins; None on the last."""


class _Version(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    python_code: str
    prompt: str = ""
    created_at: str
    code_digest: str


_encode = msgspec.json.Encoder().encode
_head = msgspec.json.Decoder(Head).decode
_version = msgspec.json.Decoder(_Version).decode
_number = msgspec.json.Decoder(int).decode


class Registry:
    """The strategies of one app, in ``app.records``."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._when_deleted: list[Callable[[int], Awaitable[None]]] = []

    def when_deleted(self, call: Callable[[int], Awaitable[None]]) -> None:
        """Have it called with the id of each strategy that ``delete`` deleted. It is not promised: a process may die
        in between."""
        self._when_deleted.append(call)

    async def create(
        self,
        *,
        name: str,
        python_code: str,
        description: str = "",
        prompt: str = "",
        user_id: int = 0,
        written: Named | None = None,
        token: str | None = None,
    ) -> Strategy:
        """A new strategy with version 1. Creating again with the same ``token`` answers the strategy that is there.
        ``written`` is what the writer of the code named it.

        Raises ``CodeRefused`` for code with an error in it, ``Refused`` for a name or text that cannot be used.
        """
        check_name(name)
        check_code(python_code)
        token = token or str(uuid.uuid4())
        async for _ in again("the counter of strategies"):
            if (made := await read_one(self._records, MADE, token)) is not None:
                return await self.get(_number(made.data or b""))
            counter = await read_one(self._records, COUNTER, _ID)
            id = _number(counter.data or b"0") + 1 if counter is not None else 1
            now = now_text()
            version = _Version(
                name=name, python_code=python_code, prompt=prompt, created_at=now, code_digest=digest_of(python_code)
            )
            head = Head(
                strategy_id=id,
                user_id=user_id,
                name=name,
                description=description,
                code_digest=version.code_digest,
                created_at=now,
                updated_at=now,
                written=written or Named(),
            )
            wanted = [
                Record(kind=COUNTER, id=_ID, data=_encode(id), version=0 if counter is None else counter.version),
                Record(kind=HEAD, id=_head_id(id), data=_encode(head)),
                Record(kind=VERSION, id=_version_id(id, 1), data=_encode(version)),
                Record(kind=MADE, id=token, data=_encode(id), expires_ms=MADE_MS),
            ]
            if await put_all(self._records, wanted):
                return _strategy(head, version, 1)
        raise AssertionError

    async def edit(self, id: int, asked: EditStrategyRequest, written: Named | None = None) -> Strategy:
        """Code or a name that differ from the newest version's make the next one; the rest changes the strategy alone.
        What ``written``, the writer of the code, names it takes the place of what a writer named it before; what a
        person named it stays.

        Raises ``StrategyNotFound``, ``CodeRefused``, ``Refused``, and ``Conflict`` where ``from_version`` is not the
        newest any more.
        """
        if asked.name is not None:
            check_name(asked.name)
        if asked.python_code is not None:
            check_code(asked.python_code)
        async for _ in again(f"strategy {id}"):
            record, head = await self._read_head(id)
            newest = await self._read_version(id, head.newest)
            change = asked if written is None else _named(head, asked, written)
            if change.from_version is not None and change.from_version != head.newest and not _is_in(change, newest):
                raise Conflict(
                    f"strategy {id} is at version {head.newest} and not at {change.from_version}, which the change was "
                    f"made from; nothing was changed"
                )
            after, made = _edited(head, newest, change)
            after = msgspec.structs.replace(after, written=written or head.written)
            if after == head and made is None:
                return _strategy(head, newest, head.newest)
            after = msgspec.structs.replace(after, updated_at=now_text())
            wanted = [msgspec.structs.replace(record, data=_encode(after))]
            if made is not None:
                if after.newest > MAX_VERSIONS:
                    raise Refused("python_code", f"strategy {id} has {MAX_VERSIONS} versions, the most one may have")
                wanted.append(Record(kind=VERSION, id=_version_id(id, after.newest), data=_encode(made)))
            if await put_all(self._records, wanted):
                return _strategy(after, made or newest, after.newest)
        raise AssertionError

    async def change(self, id: int, change: Callable[[Head], Head]) -> Head:
        """Change what belongs to the strategy as a whole, such as its alert's state. Raises ``StrategyNotFound``."""
        async for _ in again(f"strategy {id}"):
            record, head = await self._read_head(id)
            after = change(head)
            if after == head:
                return head
            kept = msgspec.structs.replace(after, strategy_id=id, newest=head.newest, code_digest=head.code_digest)
            if await put_all(self._records, [msgspec.structs.replace(record, data=_encode(kept))]):
                return kept
        raise AssertionError

    async def get(self, id: int, version: int | None = None) -> Strategy:
        """The newest version, or the one asked for. Raises ``StrategyNotFound``, ``VersionNotFound``."""
        _, head = await self._read_head(id)
        number = head.newest if version is None else version
        if not 1 <= number <= head.newest:
            raise VersionNotFound(id, number, head.newest)
        return _strategy(head, await self._read_version(id, number), number)

    async def head(self, id: int) -> Head:
        return (await self._read_head(id))[1]

    async def versions(self, id: int) -> list[VersionInfo]:
        """The newest first. Raises ``StrategyNotFound``."""
        _, head = await self._read_head(id)
        found = []
        for start in range(head.newest, 0, -100):
            numbers = list(range(start, max(start - 100, 0), -1))
            kept = await self._records.read(VERSION, [_version_id(id, number) for number in numbers])
            for number, record in zip(numbers, kept, strict=True):
                if record is not None:
                    one = _version(record.data or b"")
                    found.append(
                        VersionInfo(
                            strategy_id=id,
                            version=number,
                            name=one.name,
                            prompt=one.prompt,
                            created_at=one.created_at,
                            code_digest=one.code_digest,
                        )
                    )
        return found

    async def diff(self, id: int, from_version: int, to_version: int) -> str:
        """A unified diff of the code; empty where it is the same. Raises ``StrategyNotFound``, ``VersionNotFound``."""
        before, after = await self.get(id, from_version), await self.get(id, to_version)
        return unified(before, after)

    async def delete(self, id: int) -> None:
        """All versions, in one act, and then its alert rules. Runs and the history of alerts stay readable, the id is
        never given again. Raises ``StrategyNotFound``."""
        async for _ in again(f"strategy {id}"):
            record, head = await self._read_head(id)
            gone = [msgspec.structs.replace(record, data=None)]
            gone += [
                Record(kind=VERSION, id=_version_id(id, number), data=None, version=1)
                for number in range(1, head.newest + 1)
            ]
            if await put_all(self._records, gone):
                break
        for call in self._when_deleted:
            await call(id)

    def validate(self, python_code: str) -> list[Finding]:
        """What is wrong with code and what may be, without running any of it."""
        return lint(python_code)

    async def _read_head(self, id: int) -> tuple[Record, Head]:
        record = await read_one(self._records, HEAD, _head_id(id)) if id >= 1 else None
        if record is None:
            raise StrategyNotFound(id)
        return record, _head(record.data or b"")

    async def _read_version(self, id: int, number: int) -> _Version:
        record = await read_one(self._records, VERSION, _version_id(id, number))
        if record is None:  # the strategy was deleted since its head was read
            raise StrategyNotFound(id)
        return _version(record.data or b"")

    async def list(self, *, cursor: str | None = None, limit: int = 50, user_id: int | None = None) -> StrategyPage:
        """Strategies without their code, the newest first. Raises ``Refused`` for a bad limit or cursor."""
        if not 1 <= limit <= MAX_PAGE:
            raise Refused("limit", f"it is {limit}; from 1 to {MAX_PAGE} can be asked for")
        first, found = await self._newest() if cursor is None else _number_of(cursor) - 1, list[Head]()
        while first > 0 and len(found) <= limit:
            ids = [_head_id(id) for id in range(first, max(first - _READ, 0), -1)]
            heads = [_head(each.data) for each in await self._records.read(HEAD, ids) if each and each.data]
            found += [head for head in heads if user_id is None or head.user_id == user_id]
            first -= _READ
        items = found[:limit]
        return StrategyPage(items=items, cursor=str(items[-1].strategy_id) if len(found) > limit else None)

    async def _newest(self) -> int:
        """The highest id that was ever given; 0 where none was."""
        counter = await read_one(self._records, COUNTER, _ID)
        return 0 if counter is None else _number(counter.data or b"0")


def check_name(name: str) -> None:
    if not name.strip() or len(name) > 200 or any(ord(each) < 32 for each in name):
        raise Refused("name", "it takes 1 to 200 characters on one line")


def check_code(python_code: str) -> None:
    """Raises ``CodeRefused`` for code that cannot run at all; notes do not refuse it."""
    errors = [finding for finding in lint(python_code) if finding.severity == "error"]
    if errors:
        raise CodeRefused("; ".join(str(finding) for finding in errors[:5]))


def digest_of(python_code: str) -> str:
    return f"sha256:{hashlib.sha256(python_code.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _is_in(change: EditStrategyRequest, newest: _Version) -> bool:
    """Whether the newest version is what the change would make: an edit that is repeated after a lost reply."""
    return change.python_code is not None and (change.python_code, change.name or newest.name) == (
        newest.python_code,
        newest.name,
    )


def _named(head: Head, change: EditStrategyRequest, written: Named) -> EditStrategyRequest:
    """The change, with the writer's words where no person's stand."""
    name, description = change.name, change.description
    if name is None and written.name and head.name == head.written.name:
        name = written.name
    if description is None and written.description and head.description == head.written.description:
        description = written.description
    return msgspec.structs.replace(change, name=name, description=description)


def _edited(head: Head, newest: _Version, change: EditStrategyRequest) -> tuple[Head, _Version | None]:
    given: dict[str, Any] = {
        name: kept
        for name in ("alert_threshold", "alert_universe", "min_timeframe")
        if (kept := getattr(change, name)) is not msgspec.UNSET
    }
    for name in ("description", "is_alert_active"):
        if (kept := getattr(change, name)) is not None:
            given[name] = kept
    name, code = change.name or newest.name, change.python_code
    code = newest.python_code if code is None else code
    if (name, code) == (newest.name, newest.python_code):
        return msgspec.structs.replace(head, **given), None
    prompt = newest.prompt if change.prompt is None else change.prompt
    made = _Version(name=name, python_code=code, prompt=prompt, created_at=now_text(), code_digest=digest_of(code))
    after = msgspec.structs.replace(head, newest=head.newest + 1, name=name, code_digest=made.code_digest, **given)
    return after, made


def _strategy(head: Head, version: _Version, number: int) -> Strategy:
    return Strategy(
        strategy_id=head.strategy_id,
        user_id=head.user_id,
        name=version.name,
        description=head.description,
        prompt=version.prompt,
        python_code=version.python_code,
        score=head.score,
        version=number,
        created_at=version.created_at,
        is_alert_active=head.is_alert_active,
        alert_threshold=head.alert_threshold,
        alert_universe=head.alert_universe,
        min_timeframe=head.min_timeframe,
        alert_last_trigger_at=head.alert_last_trigger_at,
    )


def _head_id(id: int) -> str:
    return f"{id:012d}"


def _version_id(id: int, version: int) -> str:
    return f"{id:012d}/{version:05d}"


def _number_of(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 12:
        raise Refused("cursor", f"{cursor[:40]!r} was not given by this list")
    return int(cursor)
