"""Data sets: taken, checked, named by their content, shown in pages, kept for as long as they are needed."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from abaca import App, ConfigError
from abaca_strategies.data import pack, read_packed, resample, synthetic, unpack
from abaca_strategies.errors import Conflict, DataRefused, DataSetNotFound, Refused, SymbolNotFound, TooLarge
from abaca_strategies.failures import DataError
from abaca_strategies.registry.datasets import DataSets, built_in
from abaca_strategies.registry.dataviews import BUILT_IN
from abaca_strategies.requests import SyntheticRequest
from abaca_strategies.strategies import Strategies
from tests.strategies.samples import sample_folder
from tests.strategies_service.test_registry_runs import run

CSV = b"""ticker,time,open,high,low,close,volume
A,2024-01-02,10,12,9,11,100
A,2024-01-03,11,13,10,12,100
A,2024-01-04,12,12,11,11,100
B,2024-01-02,20,22,19,21,50
B,2024-01-03,21,21,20,20,50
"""
BREAKING = {
    "memory": "bytearray(1 << 40)",
    "crash": "import os; os.kill(os.getpid(), 11)",
    "time": "import signal; signal.pause()",
}
TOLD = {"memory": "MemoryError", "crash": "ended with -11", "time": "longer than 2 s"}
OLD = 3 * 86_400
"""Seconds; a file that was touched so long ago is past its time of grace."""


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Strategies]:
    """The service in memory."""
    monkeypatch.setenv("ABACA_STRATEGIES_FOLDER", str(tmp_path / "strategies"))
    async with App("memory://", plugins=["strategies"]) as app:
        yield Strategies.of(app)


@pytest.fixture
def sets(here: Strategies) -> DataSets:
    return here.datasets


def age(service: Strategies) -> None:
    for path in service.folder().rglob("*.bars*"):
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - OLD))


def files(service: Strategies) -> int:
    return len(list(service.folder().rglob("*.bars")))


async def test_a_data_set_is_taken_named_and_read_back(service: Strategies) -> None:
    # When a file is taken
    view = await service.datasets.add("mine", CSV, form="csv", origin="made by hand")
    # Then it is told by name, and its bars are there under its digest
    assert (view.rows, view.ticker_count, view.tickers, view.close_only) == (5, 2, ["A", "B"], False)
    assert (view.first, view.last, view.spacing_seconds) == ("2024-01-02T00:00:00Z", "2024-01-04T00:00:00Z", 86_400)
    assert await service.datasets.get("mine") == view
    data = await service.datasets.load("mine", ["B"])
    assert data.frame("B")["close"].tolist() == [21.0, 20.0]
    assert data.tickers == ("B",)
    whole = await service.datasets.load(view.digest)
    assert (whole.digest, (await service.datasets.open("mine")).digest) == (view.digest, view.digest)
    # And it is listed behind the one that is built in
    assert [one.name for one in (await service.datasets.list()).items] == [BUILT_IN, "mine"]
    first = await service.datasets.list(limit=1)
    assert [one.name for one in (await service.datasets.list(cursor=first.cursor)).items] == ["mine"]


async def test_the_form_of_a_file_does_not_change_its_content(sets: DataSets) -> None:
    # Given the same bars as CSV, JSON lines and Parquet, the last in another order
    table = pd.read_csv(io.BytesIO(CSV))
    lines = table.to_json(orient="records", lines=True).encode()
    parquet = io.BytesIO()
    table.sort_values("ticker", ascending=False, kind="stable").to_parquet(parquet)
    # When all are taken
    views = [
        await sets.add("csv", CSV, form="csv"),
        await sets.add("lines", lines, form="jsonl"),
        await sets.add("parquet", parquet.getvalue(), form="parquet"),
    ]
    # Then they are one content, in one file
    assert len({view.digest for view in views}) == 1


async def test_what_is_built_in_is_there_without_anything(here: Strategies) -> None:
    # When nobody has given any data, Then there is a set made from a seed, the same everywhere
    view = await here.datasets.get()
    assert (view.name, view.ticker_count, view.rows, view.is_built_in) == (BUILT_IN, 8, 20_160, True)
    assert view.digest == built_in().digest == "sha256:8a912f543576c63368766909eb95fdda7c1d94fa53643735ce45b39f6019195d"
    file = await here.datasets.open(symbols=["SYN03"])
    assert (file.name, file.packed.digest, len(file.tickers)) == (BUILT_IN, view.digest, 8)
    # And it cannot be deleted, nor its name be given to other data; and its file comes back
    with pytest.raises(Refused, match="built in"):
        await here.datasets.delete(BUILT_IN)
    with pytest.raises(Conflict, match="built-in"):
        await here.datasets.add(BUILT_IN, CSV, form="csv", replace=True)
    file.path.unlink()
    assert (await here.datasets.open()).path.exists()


FAULTS = {
    "not_monotone": "time,close\n2024-01-03,1\n2024-01-02,1\n",
    "duplicate": "time,close\n2024-01-03,1\n2024-01-03,1\n",
    "high_below_low": "time,open,high,low,close\n2024-01-03,5,4,6,5\n",
    "not_positive": "time,open,high,low,close\n2024-01-03,0,4,0,1\n",
}


@pytest.mark.parametrize("kind", FAULTS)
async def test_unsound_data_are_refused_with_every_problem(sets: DataSets, kind: str) -> None:
    # When unsound data are to be taken
    with pytest.raises(DataRefused) as caught:
        await sets.add("bad", FAULTS[kind].encode(), form="csv")
    # Then the problems are told, as a mere check tells them, and nothing is kept
    assert kind in {problem.kind for problem in caught.value.problems if problem.severity == "error"}
    checked = await sets.check(FAULTS[kind].encode(), form="csv")
    assert (checked.ok, checked.problem_count) == (False, len(checked.problems))
    with pytest.raises(DataSetNotFound):
        await sets.get("bad")


async def test_gaps_and_jumps_are_notes_and_closes_alone_say_so(sets: DataSets) -> None:
    # Given closes of daily bars with a hole of weeks, over which the price halves
    days = pd.date_range("2024-01-01", periods=20).append(pd.date_range("2024-03-01", periods=20))
    table = pd.DataFrame({"date": days, "AAA": [100.0] * 20 + [49.0] * 20})
    # When they are taken
    view = await sets.add("closes", table.to_csv(index=False).encode(), form="csv")
    # Then both are told, and what the set knows of each bar
    assert {(one.kind, one.severity, one.first) for one in view.problems} == {
        ("gap", "note", "2024-03-01T00:00:00Z"),
        ("jump", "note", "2024-03-01T00:00:00Z"),
    }
    assert (view.close_only, view.columns) == (True, ["close"])
    assert (await sets.load("closes")).close_only


@pytest.mark.parametrize(
    ("form", "content", "why"),
    [
        ("csv", b"", "cannot be read"),
        ("csv", b"a,b\n1,2\n", "no column of times"),
        ("jsonl", b"{not json}\n", "cannot be read"),
        ("parquet", b"PAR1 no parquet PAR1", "cannot be read"),
        ("csv", b"time,close\nyesterday-ish,1\n", "time"),
        ("xlsx", b"", "there are csv, jsonl, parquet"),
        (None, b"", "there are csv, jsonl, parquet"),
    ],
)
async def test_what_cannot_be_read_is_refused(sets: DataSets, form: str | None, content: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        await sets.add("bad", content, form=form)  # type: ignore[arg-type]


async def test_names_and_sizes_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given small limits
    monkeypatch.setenv("ABACA_STRATEGIES_FOLDER", str(tmp_path))
    monkeypatch.setenv("ABACA_STRATEGIES_MAX_DATA", "400")
    monkeypatch.setenv("ABACA_STRATEGIES_MAX_BARS", "4")
    async with App("memory://", plugins=["strategies"]) as app:
        sets = Strategies.of(app).datasets
        # When there are too many bytes or bars, Then they are refused
        with pytest.raises(TooLarge, match="500 bytes"):
            await sets.add("big", b"x" * 500, form="csv")
        with pytest.raises(DataRefused, match="5 rows; at most 4"):
            await sets.add("big", CSV, form="csv")
        with pytest.raises(TooLarge):
            await sets.make(SyntheticRequest(name="big", tickers=1, bars=5))
        for name in ("", "a/b", "../a", ".a", "a" * 64, "sha256:" + "0" * 64):
            with pytest.raises(Refused, match="cannot be used"):
                await sets.add(name, b"", form="csv")


async def test_a_parquet_file_that_tells_of_too_many_rows_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given few bytes with many equal rows
    rows = pd.DataFrame({"time": pd.Timestamp("2024-01-01"), "close": np.ones(200_000)})
    packed = io.BytesIO()
    rows.to_parquet(packed, compression="gzip")
    monkeypatch.setenv("ABACA_STRATEGIES_FOLDER", str(tmp_path))
    monkeypatch.setenv("ABACA_STRATEGIES_MAX_BARS", "1000")
    async with App("memory://", plugins=["strategies"]) as app:
        # When it is to be taken, Then it is refused by what its footer tells
        with pytest.raises(DataRefused, match="200000 rows"):
            await Strategies.of(app).datasets.add("bomb", packed.getvalue(), form="parquet")


@pytest.mark.parametrize("ends", ["memory", "crash", "time"])
async def test_a_file_that_breaks_its_reader_ends_the_reader_alone(
    sets: DataSets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ends: str
) -> None:
    # Given a reader that eats memory, crashes or never ends
    (tmp_path / "fastparquet.py").write_text(BREAKING[ends])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("abaca_strategies.registry.uploads.SECONDS", 2.0 if ends == "time" else 60.0)
    # When a file is to be taken, Then it is refused, and this process goes on
    with pytest.raises(DataRefused, match=TOLD[ends]):
        await sets.add("bad", b"PAR1", form="parquet")


async def test_what_is_large_is_read_apart_to_the_same_data(
    sets: DataSets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Given a file, and the same file where a file of a few bytes is a large one
    (tmp_path / "prices.csv").write_bytes(CSV)
    here = await sets.add("here", tmp_path / "prices.csv")
    monkeypatch.setattr("abaca_strategies.registry.uploads.HERE", 10)
    # When it is taken, Then the data are the same, and so is what is said of bad ones
    assert (await sets.add("apart", tmp_path / "prices.csv")).digest == here.digest
    assert not (await sets.check(FAULTS["duplicate"].encode(), form="csv")).ok
    with pytest.raises(DataRefused, match="data set 'bad' has no column of times"):
        await sets.add("bad", b"a,b\n1,2\n3,4\n", form="csv")


async def test_a_name_is_not_given_to_other_data_unless_that_is_asked_for(sets: DataSets) -> None:
    # Given a data set
    first = await sets.add("mine", CSV, form="csv")
    # When the same data come under its name, Then it is the one that is there
    assert await sets.add("mine", CSV, form="csv") == first
    # When other data come
    other = CSV.replace(b"21,21,20,20", b"21,21,20,21")
    with pytest.raises(Conflict, match="other data already"):
        await sets.add("mine", other, form="csv")
    # Then they take the name only where that is asked for, and the old ones stay under their digest
    second = await sets.add("mine", other, form="csv", replace=True)
    assert second.digest != first.digest
    assert (await sets.load("mine")).digest == second.digest
    assert (await sets.load(first.digest)).digest == first.digest


async def test_data_stay_for_as_long_as_a_name_or_a_run_has_them(here: Strategies) -> None:
    # Given two data sets, of which a run used one, and what is built in
    used = await here.datasets.add("used", CSV, form="csv")
    idle = await here.datasets.make(SyntheticRequest(name="idle", tickers=1, bars=50))
    await here.datasets.get()
    await here.runs.write(run("job-1", 1, data_hash=used.digest))
    # When both names are deleted, Then the files have a time of grace
    await here.datasets.delete("used")
    await here.datasets.delete("idle")
    with pytest.raises(DataSetNotFound):
        await here.datasets.delete("idle")
    assert (await here.datasets.tidy(), files(here)) == (0, 3)
    # And after it the one goes that nothing names
    age(here)
    assert (await here.datasets.tidy(), files(here)) == (1, 2)
    with pytest.raises(DataSetNotFound):
        await here.datasets.open(idle.digest)
    # And the run can be done again on what it saw
    assert (await here.datasets.load(used.digest)).digest == used.digest
    # When the run is deleted as well, Then so are its data
    await here.runs.delete("job-1")
    age(here)
    assert (await here.datasets.tidy(), files(here)) == (1, 1)


async def test_a_damaged_file_is_found_before_it_is_used(here: Strategies) -> None:
    # Given a data set whose file was written to by somebody
    view = await here.datasets.add("mine", CSV, form="csv")
    path = next(here.folder().rglob("*.bars"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    # When another process opens it, Then it is not used
    async with App(backend=await here.app.backend(), plugins=["strategies"]) as app:
        with pytest.raises(DataError, match="damaged"):
            await Strategies.of(app).datasets.load("mine")
        # And where it is gone, that is said
        path.unlink()
        with pytest.raises(DataError, match="cannot be read"):
            await Strategies.of(app).datasets.load("mine")
        with pytest.raises(DataSetNotFound, match="no data of this digest"):
            await Strategies.of(app).datasets.load(view.digest)


async def test_bars_are_shown_in_pages_and_in_any_timeframe(sets: DataSets) -> None:
    # Given hourly bars
    hourly = synthetic(tickers=2, bars=400, timeframe="1h")
    await sets.make(SyntheticRequest(name="hourly", tickers=2, bars=400, timeframe="1h"))
    # When they are read page by page in bars of a day
    found, cursor, pages = list[float](), None, 0
    while True:
        page = await sets.bars("hourly", ticker="SYN02", timeframe="1d", cursor=cursor, limit=20)
        found += [bar.close for bar in page.items]
        cursor, pages = page.cursor, pages + 1
        if cursor is None:
            break
    # Then they are those of the resampled set, once each
    wanted = resample(hourly, "1d").frame("SYN02")
    assert (found, page.total, pages) == (wanted["close"].tolist(), len(wanted), 4)
    # And of a range of days alone
    some = await sets.bars("hourly", start="2015-01-06", end="2015-01-06")
    assert {bar.time[:10] for bar in some.items} == {"2015-01-06"}
    assert (some.ticker, some.cursor, some.total) == ("SYN01", None, 6)
    # And what is wrong is said
    with pytest.raises(SymbolNotFound, match="SYN01, SYN02"):
        await sets.bars("hourly", ticker="XYZ")
    with pytest.raises(DataError, match="no timeframe"):
        await sets.bars("hourly", timeframe="fortnight")
    with pytest.raises(DataError, match="longer timeframe"):
        await sets.bars("hourly", timeframe="5")
    with pytest.raises(Refused, match="limit"):
        await sets.bars("hourly", limit=0)


async def test_a_missing_data_set_is_told(sets: DataSets) -> None:
    with pytest.raises(DataSetNotFound, match="no data set nothing"):
        await sets.open("nothing")
    with pytest.raises(DataSetNotFound, match="abaca strategies data sample"):
        await sets.get("tech-stocks")


async def test_samples_are_named_when_they_are_fetched(sets: DataSets) -> None:
    # Given sample data on this machine
    folder = sample_folder()
    # When they are fetched twice
    views = await sets.fetch_samples(folder)
    assert await sets.fetch_samples(folder) == views
    # Then they are there by name, with where they are from
    assert "sp500-stocks" in {view.name for view in views}
    assert "BSD-3-Clause" in (await sets.load("sp500-stocks")).origin


async def test_where_jobs_are_in_redis_the_folder_has_to_be_named(redis_url: str) -> None:
    async with App(redis_url, plugins=["strategies"]) as app:
        service = Strategies.of(app)
        with pytest.raises(ConfigError, match="ABACA_STRATEGIES_FOLDER"):
            await service.datasets.get()
        assert not service.has_files()


def test_packed_data_are_the_same_data(tmp_path: Path) -> None:
    # Given a data set with facts about its tickers, and missing volumes
    data = built_in()
    data.bars["SYN02"].loc[data.bars["SYN02"].index[3], "volume"] = np.nan
    # When it is packed and read again
    again = unpack(pack(data))
    # Then it is the same, and cannot be written to
    assert (again.digest, again.name, again.info, again.tickers) == (data.digest, data.name, data.info, data.tickers)
    for ticker in data.tickers:
        pd.testing.assert_frame_equal(again.frame(ticker), data.frame(ticker), check_freq=False)
    assert not again.frame("SYN01")["close"].to_numpy().flags.writeable
    # And what is cut off or something else is refused
    whole = pack(data)
    for broken in (whole[:-8], whole[:40], b"", whole.replace(b"ABACABARS 1", b"ABACABARS 2"), b"x" * 100):
        with pytest.raises(DataError):
            unpack(broken)
        path = tmp_path / "broken"
        path.write_bytes(broken)
        with pytest.raises(DataError):
            read_packed(path)
