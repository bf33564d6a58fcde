"""Recounts what the Redis store keeps beside its job records; with ``repair`` it mends it.

SCAN and its kin name keys and members, at least once each that are there all the while; scripts judge them, at most
some hundreds in a call, each by what is true in that call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

from abaca.backend import MIN_TOMBSTONE_MS
from abaca.backends.redis.keys import PATTERNS
from abaca.model import Fault, FaultKind

_PIECE = 500
_ENTRIES = 500
_SORTED_SETS = (b"leases", b"ended", b"seen")
_HASHES = (b"running", b"cards", b"open", b"claims", b"paces")
_SORTED_FAMILIES = (b"w:", b"d:", b"e:", b"m:", b"n:", b"f:", b"a:", b"o:", b"q:")
_HASH_FAMILIES = (b"c:", b"y:")

Run = Callable[..., Awaitable[Any]]
"""Runs one of the store's scripts: its name, then its arguments."""
Command = Callable[..., Awaitable[Any]]
"""Sends one command of the server's own."""


class Audit:
    """One audit of the keys that begin with ``base``. Remembers the id of each ended job, to count none twice."""

    def __init__(self, run: Run, command: Command, base: bytes, *, repair: bool) -> None:
        self._run = run
        self._command = command
        self._base = base
        self._repair = b"1" if repair else b"0"
        self._faults: dict[tuple[FaultKind, str, str], Fault] = {}
        self._ended: tuple[set[bytes], set[bytes], set[bytes]] = (set(), set(), set())
        self._unreadable = 0

    async def run(self) -> list[Fault]:
        before = await self._run("audit_totals", self._repair, 0)
        walked = await self._judge_keys()
        for name in walked:
            await self._judge_entries(name)
        await self._judge_totals(before)
        return list(self._faults.values())

    async def _judge_keys(self) -> list[bytes]:
        """Judges every key; answers those whose members are to be judged too."""
        walked: dict[bytes, None] = {}
        async for found in self._pages("SCAN", b"MATCH", self._base + b"*", b"COUNT", _PIECE):
            names = list(dict.fromkeys(key[len(self._base) :] for key in found))
            known = [name for name in names if is_declared(name)]
            for name in names:
                if not is_declared(name):
                    detail = "nothing of this store declares such a key; it stays"
                    self._add(Fault(kind=FaultKind.UNDECLARED, id=_text(name), detail=detail))
            for piece in _pieces(known, _PIECE):
                walked |= dict.fromkeys(await self._judge_piece(piece))
            walked |= dict.fromkeys(name for name in known if name[:2] in (*_SORTED_FAMILIES, b"y:"))
        return [*walked, *_SORTED_SETS, *_HASHES]

    async def _judge_piece(self, names: Sequence[bytes]) -> list[bytes]:
        """Answers those of which the members are too many to be judged at once."""
        large: list[bytes] = []
        while names:
            answer = await self._run("audit_keys", self._repair, MIN_TOMBSTONE_MS, *names)
            large += self._take_piece(answer)
            names = answer[5]
        return large

    def _take_piece(self, answer: Sequence[Any]) -> list[bytes]:
        for known, blob in zip(self._ended, answer[:3], strict=True):
            known.update(blob[at : at + 16] for at in range(0, len(blob), 16))
        self._unreadable += answer[3]
        self._take(answer[6:])
        large: list[bytes] = answer[4]
        return large

    async def _judge_entries(self, name: bytes) -> None:
        if (FaultKind.WRONG_TYPE, _text(name)) in {(fault.kind, fault.id) for fault in self._left()}:
            return
        walk = "HSCAN" if name in _HASHES or name[:2] in _HASH_FAMILIES else "ZSCAN"
        async for found in self._pages(walk, b"COUNT", _ENTRIES, key=self._base + name):
            for members in _pieces(found[::2], _PIECE):
                self._take(await self._run("audit_entries", self._repair, MIN_TOMBSTONE_MS, name, *members))

    async def _judge_totals(self, before: Sequence[int]) -> None:
        mended = sum(fault.repaired for fault in self._faults.values())
        words: list[int] = [self._unreadable]
        if not before:  # of a wrong type, which is told already
            return
        for place, ids in enumerate(self._ended):
            words += [len(ids), *before[2 * place : 2 * place + 2]]
        self._take(await self._run("audit_totals", self._repair, mended, *words))

    async def _pages(self, walk: str, *words: Any, key: bytes | None = None) -> AsyncIterator[list[bytes]]:
        cursor = b"0"
        while True:
            place = (cursor,) if key is None else (key, cursor)
            cursor, found = await self._command(walk, *place, *words)
            yield found
            if cursor == b"0":
                return

    def _left(self) -> Iterator[Fault]:
        return (fault for fault in self._faults.values() if not fault.repaired)

    def _take(self, texts: Sequence[bytes]) -> None:
        each = iter(texts)
        for kind, id, detail, mended in zip(each, each, each, each, strict=True):
            name = id[1:].hex() if id[:1] == b"J" else _text(id[1:])
            self._add(Fault(kind=FaultKind(kind.decode()), id=name, detail=_text(detail), repaired=mended == b"1"))

    def _add(self, fault: Fault) -> None:
        self._faults.setdefault((fault.kind, fault.id, fault.detail), fault)


def is_declared(name: bytes) -> bool:
    """Whether ``keys.py`` declares a key of this name inside the partition."""
    return any(pattern.fullmatch(name) for pattern in PATTERNS)


def _pieces(items: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    return (items[at : at + size] for at in range(0, len(items), size))


def _text(name: bytes) -> str:
    return name.decode(errors="backslashreplace")
