"""A store that is lost on demand: before a call reached it, or after it did its work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any, Literal, TypeVar

from abaca.backend import Backend, Watch
from abaca.errors import BackendUnavailable
from abaca.model import (
    Amended,
    Beat,
    Cancelled,
    Card,
    Change,
    Exchanged,
    Fault,
    History,
    Job,
    Lease,
    NewJob,
    NewUpdate,
    Page,
    Pulse,
    Query,
    Receipt,
    Record,
    Requeued,
    Settle,
    Stats,
    Verdict,
    Want,
)

Loss = Literal["request", "reply"]
"""``request``: the call never reached the store. ``reply``: the store did it, and nobody heard."""

_Answer = TypeVar("_Answer")


class FailingBackend:
    """Passes every call on to ``inner``, but for those that it was told to lose with ``BackendUnavailable``.

    ``calls`` counts the calls of each verb, lost ones included. While ``away`` is true every request is lost.
    """

    def __init__(self, inner: Backend) -> None:
        self.inner = inner
        self.away = False
        self.calls: Counter[str] = Counter()
        self._losses: list[tuple[str, Loss]] = []

    def lose(self, loss: Loss, verb: str = "", times: int = 1) -> None:
        """Lose the next ``times`` calls of ``verb``, of any verb when it is empty. Losses are used up in order."""
        if verb and not hasattr(self, verb):
            raise ValueError(f"a store has no verb {verb!r}")
        self._losses.extend((verb, loss) for _ in range(times))

    @property
    def pending(self) -> int:
        """How many losses have not happened yet."""
        return len(self._losses)

    async def _pass(self, verb: str, call: Coroutine[Any, Any, _Answer]) -> _Answer:
        self.calls[verb] += 1
        loss = "request" if self.away else self._next_loss(verb)
        if loss == "request":
            call.close()
            raise BackendUnavailable(f"{verb}: the request was lost, as the test asked")
        answer = await call
        if loss == "reply":
            raise BackendUnavailable(f"{verb}: the reply was lost, as the test asked")
        return answer

    def _next_loss(self, verb: str) -> Loss | None:
        for place, (wanted, loss) in enumerate(self._losses):
            if wanted in ("", verb):
                del self._losses[place]
                return loss
        return None

    @property
    def durability(self) -> str:
        return self.inner.durability

    @property
    def weaknesses(self) -> tuple[str, ...]:
        return self.inner.weaknesses

    async def open(self) -> None:
        await self._pass("open", self.inner.open())

    async def close(self) -> None:
        await self.inner.close()

    async def insert(self, jobs: Sequence[NewJob]) -> list[Receipt]:
        return await self._pass("insert", self.inner.insert(jobs))

    async def exchange(self, done: Sequence[Settle], want: Want | None, lease: Lease) -> Exchanged:
        return await self._pass("exchange", self.inner.exchange(done, want, lease))

    def unhold(self) -> None:
        self.inner.unhold()

    async def reclaim(self, limit: int, lease: Lease) -> list[Job]:
        return await self._pass("reclaim", self.inner.reclaim(limit, lease))

    async def beat(self, card: Card | None, beats: Sequence[Beat], lease: Lease) -> list[Pulse]:
        return await self._pass("beat", self.inner.beat(card, beats, lease))

    async def sign_off(self, worker: str) -> None:
        await self._pass("sign_off", self.inner.sign_off(worker))

    async def cancel(self, ids: Sequence[str]) -> list[Cancelled]:
        return await self._pass("cancel", self.inner.cancel(ids))

    async def requeue(self, runs: Sequence[tuple[str, int]]) -> list[Requeued]:
        return await self._pass("requeue", self.inner.requeue(runs))

    async def amend(self, changes: Sequence[Change]) -> list[Amended]:
        return await self._pass("amend", self.inner.amend(changes))

    async def append(self, updates: Sequence[NewUpdate]) -> list[Verdict]:
        return await self._pass("append", self.inner.append(updates))

    async def updates(self, id: str, after: int, limit: int) -> History:
        return await self._pass("updates", self.inner.updates(id, after, limit))

    async def get(self, ids: Sequence[str]) -> list[Job | None]:
        return await self._pass("get", self.inner.get(ids))

    async def find(self, query: Query) -> Page:
        return await self._pass("find", self.inner.find(query))

    async def stats(self) -> Stats:
        return await self._pass("stats", self.inner.stats())

    async def read(self, kind: str, ids: Sequence[str]) -> list[Record | None]:
        return await self._pass("read", self.inner.read(kind, ids))

    async def put(self, records: Sequence[Record], together: bool = False) -> list[Verdict]:
        return await self._pass("put", self.inner.put(records, together))

    async def scan(self, kind: str, after: str, limit: int) -> list[Record]:
        return await self._pass("scan", self.inner.scan(kind, after, limit))

    async def purge(self, limit: int) -> int:
        return await self._pass("purge", self.inner.purge(limit))

    async def audit(self, repair: bool = False) -> list[Fault]:
        return await self._pass("audit", self.inner.audit(repair))

    async def watch(self, topics: Sequence[str]) -> Watch:
        return await self._pass("watch", self.inner.watch(topics))
