"""A record of every run that ended, so that lists and comparisons look at no jobs.

A run is kept by the id of its job, with a *line* in the list of all runs, one in that of its strategy, and one in that
of the data it used, all written in one act. A line sorts the newest first. All of them go after the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from abaca import Record
from abaca_strategies.errors import Refused, RunNotFound
from abaca_strategies.models import Json
from abaca_strategies.registry.recording import Records, again, now_text, put_all, read_one, scanned

RUN = "strategies.run"
LINE = "strategies.runs"
DATA_LINE = "strategies.runs.data"
MAX_PAGE = 200
MAX_REQUEST = 100_000
"""Bytes of a request that are kept; of a larger one its long fields are left out."""

RunKind = Literal["backtest", "sweep", "check", "screening", "alert", "python_agent"]
KINDS: tuple[RunKind, ...] = ("backtest", "sweep", "check", "screening", "alert", "python_agent")


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One run that ended: what was asked, with what, and its headline figures. The whole result is its job's."""

    job_id: str
    kind: RunKind
    user_id: int = 0
    strategy_id: int | None = None
    version: int | None = None
    strategy_name: str = ""
    """At the time of the run: the strategy may have gone since."""
    dataset: str | None = None
    data_hash: str | None = None
    """Of the data that were used. A request that names it as its data set runs on the same data again."""
    engine_version: str | None = None
    request: Json = {}
    success: bool
    error: str | None = None
    started_at: str
    ended_at: str
    seconds: float
    figures: dict[str, float | None] = {}
    warnings: int = 0


class RunPage(msgspec.Struct, frozen=True, kw_only=True):
    items: list[RunRecord]
    cursor: str | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(RunRecord).decode
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Runs:
    """The runs of one app. ``keep``: seconds for which they stay."""

    def __init__(self, records: Records, keep: float) -> None:
        self._records = records
        self._keep_ms = max(round(keep * 1000), 1)

    async def write(self, run: RunRecord) -> RunRecord:
        """Keep a run. A job that ran again replaces what its earlier run left."""
        fitted = _fitted(run)
        async for _ in again(f"the run {run.job_id}"):
            known = await read_one(self._records, RUN, run.job_id)
            lines = [] if known is None else _lines(_decode(known.data or b""))
            gone = [line for line in lines if line not in _lines(fitted)]
            fresh = [line for line in _lines(fitted) if line not in lines]
            wanted = [
                Record(
                    kind=RUN,
                    id=run.job_id,
                    data=_encode(fitted),
                    version=0 if known is None else known.version,
                    expires_ms=self._keep_ms,
                )
            ]
            wanted += [Record(kind=kind, id=id, data=b"", expires_ms=self._keep_ms) for kind, id in fresh]
            wanted += [Record(kind=kind, id=id, data=None, version=1) for kind, id in gone]
            if known is not None and _decode(known.data or b"") == fitted:
                return fitted
            if await put_all(self._records, wanted):
                return fitted
        raise AssertionError

    async def get(self, job_id: str) -> RunRecord:
        """Raises ``RunNotFound`` for one that has not ended, or that went after its time."""
        record = await read_one(self._records, RUN, job_id)
        if record is None:
            raise RunNotFound(job_id, "a run is listed when it has ended, for as long as strategies.keep says")
        return _decode(record.data or b"")

    async def compare(self, job_ids: Sequence[str]) -> list[RunRecord]:
        """In the order given. Raises ``RunNotFound``."""
        return [await self.get(job_id) for job_id in job_ids]

    async def delete(self, job_id: str) -> None:
        """The run goes from the lists; its job stays. Raises ``RunNotFound``."""
        async for _ in again(f"the run {job_id}"):
            record = await read_one(self._records, RUN, job_id)
            if record is None:
                raise RunNotFound(job_id)
            gone = [msgspec.structs.replace(record, data=None)]
            gone += [Record(kind=kind, id=id, data=None, version=1) for kind, id in _lines(_decode(record.data or b""))]
            if await put_all(self._records, gone):
                return

    async def uses(self, data_hash: str) -> bool:
        """Whether a run that is kept used these data."""
        return bool(await scanned(self._records, DATA_LINE, prefix=f"{data_hash}/", page=1))

    async def _read(self, places: Sequence[str]) -> list[tuple[str, RunRecord]]:
        if not places:
            return []
        kept = await self._records.read(RUN, [place.partition("/")[2] for place in places])
        pairs = zip(places, kept, strict=True)
        return [(place, _decode(each.data)) for place, each in pairs if each is not None and each.data is not None]

    async def list(
        self,
        *,
        kind: RunKind | None = None,
        strategy_id: int | None = None,
        user_id: int | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> RunPage:
        """The newest first. Raises ``Refused`` for a bad limit or cursor."""
        if not 1 <= limit <= MAX_PAGE:
            raise Refused("limit", f"it is {limit}; from 1 to {MAX_PAGE} can be asked for")
        after, found = _cursor(cursor), list[tuple[str, RunRecord]]()
        line = LINE if strategy_id is None else _of_strategy(strategy_id)
        while len(found) <= limit:
            page = await scanned(self._records, line, after=after)
            for place, record in await self._read([each.id for each in page]):
                if kind in (None, record.kind) and user_id in (None, record.user_id):
                    found.append((place, record))
            if not page:
                break
            after = page[-1].id
        items = found[:limit]
        return RunPage(items=[run for _, run in items], cursor=items[-1][0] if len(found) > limit else None)


def _lines(run: RunRecord) -> list[tuple[str, str]]:
    """The kinds and ids of a run's lines."""
    micros = (datetime.fromisoformat(run.ended_at) - _EPOCH).total_seconds() * 1e6
    place = f"{(1 << 63) - round(micros):016x}/{run.job_id}"
    found = [(LINE, place)]
    if run.strategy_id is not None:
        found.append((_of_strategy(run.strategy_id), place))
    if run.data_hash is not None:
        found.append((DATA_LINE, f"{run.data_hash}/{place}"))
    return found


def _of_strategy(strategy_id: int) -> str:
    return f"strategies.runs.{strategy_id}"


def _fitted(run: RunRecord) -> RunRecord:
    """Without what is too long for a record."""
    error = run.error[:10_000] if run.error else run.error
    if len(_encode(run.request)) <= MAX_REQUEST:
        return msgspec.structs.replace(run, error=error)
    short = {name: each for name, each in run.request.items() if len(_encode(each)) <= 2_000}
    return msgspec.structs.replace(run, error=error, request=short)


def _cursor(cursor: str | None) -> str:
    if cursor is None:
        return ""
    place, _, job_id = cursor.partition("/")
    if len(place) != 16 or not job_id or len(cursor) > 512:
        raise Refused("cursor", f"{cursor[:40]!r} was not given by this list")
    return cursor


def ended(started_at: str) -> tuple[str, float]:
    """Now, and the seconds since then."""
    now = now_text()
    return now, (datetime.fromisoformat(now) - datetime.fromisoformat(started_at)).total_seconds()
