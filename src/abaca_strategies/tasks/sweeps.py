"""``Strategies.sweeps``: starting a sweep, and looking at it while it runs and after."""

from __future__ import annotations

import asyncio
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import msgspec

from abaca import Call, JobNotFound, Record, Status, Task, WorkflowHandle, group
from abaca_strategies.errors import Conflict, Refused, SweepNotFound
from abaca_strategies.flowmodels import SweepFound, SweepResult, SweepView
from abaca_strategies.flows.terms import Batch, Part, Sweep, Terms, per_batch
from abaca_strategies.models import Strategy
from abaca_strategies.registry import DataFile
from abaca_strategies.registry.recording import now_text, put_all, read_one
from abaca_strategies.registry.runs import DATA_LINE
from abaca_strategies.requests import SweepRequest, fitted
from abaca_strategies.settings import value
from abaca_strategies.tasks.service import Service

SWEEP = "strategies.sweep"
STARTED = "strategies.sweep.started"
PAGE = 50
REMEMBERED = 4
"""Sweeps whose ended batches are not read again at the next look."""
MAX_ID = 200
_PLAIN, _LARGEST = 100_000, 250_000
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Sweep).decode


class Sweeps:
    """Many points of one strategy as one workflow: batches side by side, then the job that ends it.

    The workflow's handle has what all workflows have: ``result()``, ``cancel()``, ``progress()``, ``requeue()``.
    """

    def __init__(
        self, service: Service, batch: Task[[Batch], Part], final: Task[[list[Part | None]], SweepResult]
    ) -> None:
        self._service = service
        self._batch = batch
        self._final = final
        self._known: OrderedDict[str, dict[int, Part]] = OrderedDict()

    async def start(
        self,
        request: SweepRequest,
        *,
        id: str | None = None,
        owner: str | None = None,
        tenant: str | None = None,
        tags: Sequence[str] = (),
    ) -> WorkflowHandle[SweepResult]:
        """Store a sweep. The version and the data are settled now: what changes later does not concern it. The same
        ``id``, of the caller's choice, starts one sweep only, and answers the handle of the first.

        Raises ``StrategyNotFound``, ``VersionNotFound``, ``DataSetNotFound``, ``SymbolNotFound``, ``Refused`` naming
        the field, ``Conflict`` where another is being started under the ``id``, and what ``App.enqueue_many`` raises.
        """
        if id is not None and not 1 <= len(id) <= MAX_ID:
            raise Refused("id", f"it has {len(id)} characters; from 1 to {MAX_ID} can be used")
        if (before := await self._started(id)) is not None:
            return before
        service, request = self._service, fitted(request)
        strategy = await service.registry.get(request.strategy_id, request.version)
        file = await service.datasets.open(request.dataset, request.symbols)
        data = await service.datasets.load(file.digest, request.symbols)
        planning: Any = import_module("abaca_strategies.flows.planning")
        planned = await asyncio.to_thread(planning.plan, request, data)
        sweep = _sweep(request, strategy, file, planned)
        whole, part = planning.kept_figures(request)
        size = sweep.per_batch
        call = self._batch.opts(owner=owner, tenant=tenant, tags=tags or None).call

        def call_of(first: int) -> Call[Part]:
            return call(Batch(terms=sweep.terms, runs=planned.runs[first : first + size], whole=whole, part=part))

        calls = await asyncio.to_thread(lambda: [call_of(first) for first in range(0, len(planned.runs), size)])
        final: Any = self._final.opts(owner=owner, tenant=tenant, tags=tags or None)
        chain = group(calls).then(final, when="ended")
        place = chain.jobs[-1].id
        await self._keep(place, sweep, id)
        if (before := await self._started(id, unless=place)) is not None:
            return before
        return self.handle((await chain.enqueue()).id)

    def handle(self, id: str) -> WorkflowHandle[SweepResult]:
        """The handle of a sweep by its id. The store is not asked."""
        return self._service.app.workflow(id).typed(SweepResult)

    async def get(self, id: str) -> Sweep:
        """What was agreed on at the start. Raises ``SweepNotFound``."""
        record = await read_one(self._service.app.records, SWEEP, id)
        if record is None:
            raise SweepNotFound(id)
        return _decode(_unpacked(record.data or b""))

    async def view(self, id: str) -> SweepView:
        """What it has found so far: of the batches that have ended. Raises ``SweepNotFound``."""
        sweep, handle = await self.get(id), self.handle(id)
        try:
            ended = await handle.final.peek()
            state = (await handle.status()).value
            if ended is not None and ended.value is not None:
                self._known.pop(id, None)
                return _view_of(id, state, ended.value)
            parts, lost, is_begun = await self._parts(id, sweep)
        except JobNotFound:
            raise SweepNotFound(id) from None
        if ended is None and not is_begun:
            state = Status.QUEUED.value
        reducing: Any = import_module("abaca_strategies.flows.reducing")
        return await asyncio.to_thread(_live_view, reducing, id, state, sweep, parts, lost)

    async def _parts(self, id: str, sweep: Sweep) -> tuple[list[Part], int, bool]:
        """What the ended batches answered, the runs of those that failed, and whether anything has begun."""
        known = self._known.setdefault(id, {})
        self._known.move_to_end(id)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        stored, lost = self._service.app.group(id).of(Part), 0
        for first in range(0, sweep.batches, PAGE):
            places = range(first, min(first + PAGE, sweep.batches))
            if all(place in known for place in places):
                continue
            for place, outcome in zip(places, await stored.page(first, len(places)), strict=False):
                if outcome is not None and outcome.value is not None:
                    known[place] = outcome.value
                elif outcome is not None and outcome.is_failed:
                    lost += sweep.size_of(place)
        is_begun = bool(known or lost)
        if not is_begun:
            progress = await self.handle(id).progress()
            is_begun = progress.counts.get(Status.RUNNING, 0) > 0
        return [known[place] for place in sorted(known)], lost, is_begun

    async def _started(self, id: str | None, unless: str = "") -> WorkflowHandle[SweepResult] | None:
        """The sweep that was started under an id of the caller's, if it got into the store."""
        record = None if id is None else await read_one(self._service.app.records, STARTED, id)
        place = "" if record is None else (record.data or b"").decode()
        if not place or place == unless:
            return None
        handle = self.handle(place)
        try:
            await handle.final.info()
        except JobNotFound:
            return None  # whoever began it did not come to its end
        return handle

    async def _keep(self, place: str, sweep: Sweep, id: str | None) -> None:
        records, keep_ms = self._service.app.records, round(value(self._service.app, "strategies.keep") * 1000)
        line = f"{sweep.terms.data_hash}/{place}"  # so that the data stay until it has ended
        wanted = [
            Record(kind=SWEEP, id=place, data=_packed(sweep), expires_ms=keep_ms),
            Record(kind=DATA_LINE, id=line, data=b"", expires_ms=keep_ms),
        ]
        if id is not None:
            known = await read_one(records, STARTED, id)
            version = 0 if known is None else known.version
            wanted.append(Record(kind=STARTED, id=id, data=place.encode(), version=version, expires_ms=keep_ms))
        if await put_all(records, wanted) or id is None:
            return
        record = await read_one(records, STARTED, id)
        is_own = record is not None and record.data == place.encode()  # only the reply was lost
        if not is_own and await self._started(id) is None:
            raise Conflict(f"another sweep is being started as {id!r} at this moment; ask again")


def _sweep(request: SweepRequest, strategy: Strategy, file: DataFile, planned: Any) -> Sweep:
    terms = Terms(
        strategy_id=strategy.strategy_id,
        version=strategy.version,
        data_hash=file.digest,
        symbols=request.symbols,
        start=request.start_date,
        end=request.end_date,
        timeframe=request.timeframe,
        params=request.params,
        rules=msgspec.to_builtins(request.rules),
        hold=request.hold,
        slots=request.slots,
        risk_free=request.risk_free,
    )
    return Sweep(
        terms=terms,
        request=request,
        dataset=file.name,
        strategy_name=strategy.name,
        points=planned.points,
        per_batch=per_batch(len(planned.runs)),
        folds=planned.folds,
        warnings=planned.warnings,
        created_at=now_text(),
    )


def _packed(sweep: Sweep) -> bytes:
    """As a record, without the points where they are many: the batches have those."""
    request = msgspec.structs.replace(sweep.request, symbols=None)
    if len(_encode(request)) > _PLAIN:
        request = msgspec.structs.replace(request, grid=None, random=None, points=[{}])
    data = _encode(msgspec.structs.replace(sweep, request=request))
    packed = data if len(data) <= _PLAIN else zlib.compress(data)
    if len(packed) > _LARGEST:
        raise Refused("symbols", "the request is too long to be kept; name fewer symbols or parameters")
    return packed


def _unpacked(data: bytes) -> bytes:
    return data if data.startswith(b"{") else zlib.decompress(data)


def _view_of(id: str, state: str, result: SweepResult) -> SweepView:
    found = {name: getattr(result, name) for name in SweepFound.__struct_fields__}
    return SweepView(id=id, state=state, result=result, **found)


def _live_view(reducing: Any, id: str, state: str, sweep: Sweep, parts: list[Part], lost: int) -> SweepView:
    found: SweepFound = reducing.Found(sweep, parts, lost).summary
    return SweepView(id=id, state=state, **msgspec.structs.asdict(found))
