"""The data sets of an app: what they are in ``app.records``, their bars in files that their digests name.

A data set's name can be given to other data, or go; a file stays for as long as a name or a kept run has its digest, so
that an old run can be done again on what it saw.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from abaca import App, Record
from abaca_strategies.data import DataSet, Report, synthetic, validate
from abaca_strategies.data.dataset import bounds
from abaca_strategies.data.sample import SAMPLES, fetch, load
from abaca_strategies.data.timeframes import Timeframe
from abaca_strategies.errors import Conflict, DataRefused, DataSetNotFound, Refused, SymbolNotFound, TooLarge
from abaca_strategies.registry.datafiles import DataFiles
from abaca_strategies.registry.dataviews import (
    BUILT_IN,
    BarsPage,
    Checked,
    DataFile,
    DataSetPage,
    DataSetView,
    NewestBar,
)
from abaca_strategies.registry.facts import with_facts
from abaca_strategies.registry.recording import Records, again, now_text, put_all, read_one, scanned
from abaca_strategies.registry.runs import Runs
from abaca_strategies.registry.uploads import read_upload
from abaca_strategies.registry.viewing import checked, newest_of, page_of_bars, problems_of, view_of
from abaca_strategies.requests import SyntheticRequest
from abaca_strategies.settings import value

DATASET = "strategies.dataset"
SECTORS = ("technology", "energy", "health", "finance")
MAX_TICKERS = 5_000
MAX_PAGE = 200
Form = Literal["csv", "jsonl", "parquet"]
FORMS: tuple[Form, ...] = ("csv", "jsonl", "parquet")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(DataSetView).decode


@dataclass(frozen=True, slots=True)
class DataLimits:
    """The largest data set that is taken."""

    size: int
    bars: int
    tickers: int = MAX_TICKERS


class DataSets:
    """``files`` is asked for when bars are needed first; ``default`` is the name that stands for none."""

    def __init__(
        self, records: Records, runs: Runs, files: Callable[[], DataFiles], limits: DataLimits, default: str = BUILT_IN
    ) -> None:
        self._records = records
        self._runs = runs
        self._files = files
        self._limits = limits
        self._default = default
        self._built_in: DataSetView | None = None

    async def add(
        self,
        name: str,
        source: Path | bytes,
        *,
        form: Form | None = None,
        adjust: bool = True,
        origin: str = "",
        facts: Mapping[str, Mapping[str, object]] | None = None,
        replace: bool = False,
    ) -> DataSetView:
        """Takes the data in a file, or in bytes with their ``form``. The same data under the same name are the same.

        ``facts`` are by ticker, such as ``{"AAPL": {"sector": "technology"}}``, and part of the content. Raises
        ``DataRefused`` with the problems for data that are not sound, ``TooLarge``, ``Refused`` for a name, form or
        fact, and ``Conflict`` where the name has other data and ``replace`` is false.
        """
        _check_name(name)
        data, report = await self._read(name, source, form, adjust)
        if report.errors:
            shown = "; ".join(str(one) for one in report.errors[:5])
            raise DataRefused(f"data set {name} was not accepted: {shown}", problems_of(report))
        return await self._keep(with_facts(_with_origin(data, origin), facts or {}), report, replace=replace)

    async def check(
        self,
        source: Path | bytes,
        *,
        form: Form | None = None,
        adjust: bool = True,
        facts: Mapping[str, Mapping[str, object]] | None = None,
    ) -> Checked:
        """What ``add`` would find, without keeping anything. Raises ``DataRefused`` for what cannot be read, and
        ``Refused`` for facts."""
        data, report = await self._read("data", source, form, adjust)
        with_facts(data, facts or {})
        return checked(report)

    async def put(self, data: DataSet, *, replace: bool = False) -> DataSetView:
        """Takes a data set that was made in this program. Raises what ``add`` raises."""
        _check_name(data.name)
        report = await asyncio.to_thread(validate, data.bars)
        if report.errors:
            raise DataRefused(f"data set {data.name} was not accepted: {report.errors[0]}", problems_of(report))
        return await self._keep(data, report, replace=replace)

    async def make(self, request: SyntheticRequest, *, replace: bool = False) -> DataSetView:
        """Makes and keeps a synthetic data set. The same request makes the same data everywhere."""
        if request.tickers * request.bars > self._limits.bars:
            raise TooLarge("bars", f"{request.tickers} tickers of {request.bars} bars; {self._limits.bars} are taken")
        return await self.put(await asyncio.to_thread(_made, request), replace=replace)

    async def fetch_samples(self, folder: Path | None = None) -> list[DataSetView]:
        """Has the sample data on this machine (``data.sample`` says from where) and keeps each under its name."""
        await asyncio.to_thread(fetch, folder)
        return [await self.put(await asyncio.to_thread(load, sample.name, folder), replace=True) for sample in SAMPLES]

    async def get(self, name: str | None = None) -> DataSetView:
        """By name. Raises ``DataSetNotFound``."""
        name = name or self._default
        if name == BUILT_IN:
            return await self._view_of_built_in()
        record = await read_one(self._records, DATASET, name)
        if record is None:
            raise DataSetNotFound(name, self._hint(name))
        return _decode(record.data or b"")

    async def delete(self, name: str) -> None:
        """The name goes. The bars stay for as long as a kept run or another name has them. Raises ``DataSetNotFound``,
        and ``Refused`` for the one that is built in."""
        if name == BUILT_IN:
            raise Refused("name", f"{name} is built in and cannot be deleted")
        async for _ in again(f"data set {name}"):
            record = await read_one(self._records, DATASET, name)
            if record is None:
                raise DataSetNotFound(name)
            await asyncio.to_thread(self._files().let_go, _decode(record.data or b"").digest)
            if await put_all(self._records, [msgspec.structs.replace(record, data=None)]):
                return

    async def open(self, name: str | None = None, symbols: Iterable[str] | None = None) -> DataFile:
        """The file of a data set, by its name or by a digest that is still there.

        Raises ``DataSetNotFound``, ``SymbolNotFound`` for ``symbols`` that it does not have, and ``DataError`` where
        the file is missing or damaged.
        """
        name = name or self._default
        files = self._files()
        if name.startswith("sha256:"):
            if not await asyncio.to_thread(files.has, name):
                raise DataSetNotFound(name, "no data of this digest are kept any more")
            digest, origin = name, ""
        else:
            view = await self.get(name)
            digest, origin = view.digest, view.origin
        header = await asyncio.to_thread(files.header, digest, name)
        if missing := [symbol for symbol in symbols or () if symbol not in header.rows]:
            raise SymbolNotFound(missing, name, header.rows)
        return DataFile(
            name=name,
            digest=digest,
            path=files.path(digest),
            close_only=header.close_only,
            tickers=tuple(header.rows),
            origin=origin,
            facts=header.info,
        )

    async def accept(
        self,
        name: str | None,
        symbols: Iterable[str] | None = None,
        *,
        start: str | None = None,
        end: str | None = None,
        timeframe: str | None = None,
    ) -> DataFile:
        """The file that a run is asked to use. Raises what ``open`` raises, and what is wrong with the other wishes:
        ``Refused`` for a range that ends before it starts, ``DataError`` for what is no time or timeframe."""
        first, last = bounds(start, end)
        if first > last:
            raise Refused("end_date", f"it is {end}, before the start at {start}")
        if timeframe is not None:
            Timeframe.parse(timeframe)
        return await self.open(name, symbols)

    async def load(self, name: str | None = None, symbols: Iterable[str] | None = None) -> DataSet:
        """The data themselves, as views of the file. Raises what ``open`` raises."""
        wanted = None if symbols is None else list(symbols)
        file = await self.open(name, wanted)
        data = await asyncio.to_thread(self._files().get, file.digest, file.name, wanted)
        return replace(data, origin=file.origin)

    async def bars(
        self,
        name: str | None = None,
        *,
        ticker: str | None = None,
        timeframe: str | None = None,
        start: str | None = None,
        end: str | None = None,
        cursor: str | None = None,
        limit: int = 500,
    ) -> BarsPage:
        """Bars of one ticker, by default the first, made into a ``timeframe`` where one is given.

        Raises ``DataSetNotFound``, ``SymbolNotFound``, ``Refused``, and ``DataError`` for a timeframe or date.
        """
        file = await self.open(name, None if ticker is None else [ticker])
        chosen = ticker or file.tickers[0]
        data = await asyncio.to_thread(self._files().get, file.digest, file.name, [chosen])
        return await asyncio.to_thread(
            page_of_bars, data, chosen, timeframe=timeframe, start=start, end=end, cursor=cursor, limit=limit
        )

    async def newest(
        self, file: DataFile, tickers: Iterable[str], *, as_of: str | None = None, timeframe: str = "1d"
    ) -> dict[str, NewestBar]:
        """The last bar of each ticker that is known at ``as_of``, and the bar of ``timeframe`` that it lies in. Raises
        ``DataError`` for a timeframe or date."""
        data = await asyncio.to_thread(self._files().get, file.digest, file.name, list(tickers))
        return await asyncio.to_thread(lambda: newest_of(data.known_at(as_of), timeframe))

    async def tidy(self) -> int:
        """Deletes files that no name and no kept run has, and that nobody touched for a while; answers how many."""
        files = self._files()
        gone = 0
        for digest in await asyncio.to_thread(lambda: list(files.old())):
            if digest not in await self._named() and not await self._runs.uses(digest):
                await asyncio.to_thread(files.remove, digest)
                gone += 1
        return gone

    async def _read(self, name: str, source: Path | bytes, form: Form | None, adjust: bool) -> tuple[DataSet, Report]:
        size = len(source) if isinstance(source, bytes) else (await asyncio.to_thread(source.stat)).st_size
        if size > self._limits.size:
            raise TooLarge("data", f"{size} bytes; at most {self._limits.size} are taken")
        kind = form or (source.suffix.lstrip(".").lower() if isinstance(source, Path) else "")
        if kind not in FORMS:
            raise Refused("form", f"{kind or 'nothing'!r} was given; there are {', '.join(FORMS)}")
        data = await read_upload(source, name, form=kind, adjust=adjust, most=self._limits.bars)
        return data, await asyncio.to_thread(validate, data.bars)

    async def _keep(self, data: DataSet, report: Report, *, replace: bool) -> DataSetView:
        if len(data.bars) > self._limits.tickers or len(data) > self._limits.bars:
            raise TooLarge(
                "data",
                f"{len(data)} bars of {len(data.bars)} tickers; at most {self._limits.bars} bars of "
                f"{self._limits.tickers} tickers are taken",
            )
        files = self._files()
        view = await asyncio.to_thread(view_of, data, report, created_at=now_text())
        if data.name == BUILT_IN and view.digest != (await self._view_of_built_in()).digest:
            raise Conflict(f"the name {BUILT_IN} is that of the built-in data set; give another")
        await asyncio.to_thread(files.put, data)
        async for _ in again(f"data set {data.name}"):
            known = await read_one(self._records, DATASET, data.name)
            if known is not None:
                before = _decode(known.data or b"")
                if before.digest == view.digest and (before.origin == view.origin or not replace):
                    return before
                if before.digest != view.digest and not replace:
                    raise Conflict(f"the name {data.name} has other data already; give another, or ask to replace them")
                await asyncio.to_thread(files.let_go, before.digest)
            record = Record(
                kind=DATASET, id=data.name, data=_encode(view), version=0 if known is None else known.version
            )
            if await put_all(self._records, [record]):
                await asyncio.to_thread(files.put, data)  # it may have been tidied away before its name was there
                return view
        raise AssertionError

    async def _named(self) -> set[str]:
        """The digests that have a name."""
        found, after = {(await self._view_of_built_in()).digest}, ""
        while page := await scanned(self._records, DATASET, after=after):
            found |= {_decode(each.data or b"").digest for each in page}
            after = page[-1].id
        return found

    async def _view_of_built_in(self) -> DataSetView:
        if self._built_in is None:
            self._built_in = await asyncio.to_thread(self._build_in)
        elif not await asyncio.to_thread(self._files().has, self._built_in.digest):
            await asyncio.to_thread(self._build_in)
        return self._built_in

    def _build_in(self) -> DataSetView:
        data = built_in()
        self._files().put(data)
        return view_of(data, validate(data.bars), created_at=None, is_built_in=True)

    def _hint(self, name: str) -> str:
        return "run `abaca strategies data sample` to fetch it" if name in {one.name for one in SAMPLES} else ""

    async def list(self, *, cursor: str | None = None, limit: int = 50) -> DataSetPage:
        """By name, the one that is built in before all others. Raises ``Refused`` for a bad limit."""
        if not 1 <= limit <= MAX_PAGE:
            raise Refused("limit", f"it is {limit}; from 1 to {MAX_PAGE} can be asked for")
        found = [await self._view_of_built_in()] if cursor is None else []
        after = "" if cursor in (None, BUILT_IN) else str(cursor)
        found += [
            _decode(each.data or b"") for each in await scanned(self._records, DATASET, after=after, page=limit + 1)
        ]
        return DataSetPage(items=found[:limit], cursor=found[limit - 1].name if len(found) > limit else None)


def datasets_of(app: App, runs: Runs, folder: Callable[[], Path]) -> DataSets:
    """Those of an app, by its settings. ``folder`` is asked for when it is needed."""
    made: list[DataFiles] = []

    def files() -> DataFiles:
        if not made:
            made.append(DataFiles(folder()))
        return made[0]

    limits = DataLimits(size=value(app, "strategies.max_data"), bars=value(app, "strategies.max_bars"))
    return DataSets(app.records, runs, files, limits, default=value(app, "strategies.dataset"))


def built_in() -> DataSet:
    """Ten years of daily bars of eight tickers in four sectors."""
    data = synthetic(tickers=8, bars=2_520)
    info = {ticker: {"sector": SECTORS[number % len(SECTORS)]} for number, ticker in enumerate(data.tickers)}
    return replace(data, name=BUILT_IN, info=info)


def _made(request: SyntheticRequest) -> DataSet:
    data = synthetic(
        request.kind,
        seed=request.seed,
        tickers=request.tickers,
        bars=request.bars,
        timeframe=request.timeframe,
        start=request.start,
        drift=request.drift,
        volatility=request.volatility,
    )
    return replace(data, name=request.name)


def _with_origin(data: DataSet, origin: str) -> DataSet:
    return replace(data, origin=origin) if origin else data


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Refused("name", f"{name[:80]!r} cannot be used; 1 to 63 letters, digits, '.', '_' and '-'")
