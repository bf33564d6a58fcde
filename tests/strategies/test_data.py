"""Market data: read, checked, resampled, hashed, made from a seed, and asked for by strategies."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from abaca_strategies.data import BarSource, DataSet, Timeframe, read, resample, synthetic, validate
from abaca_strategies.data.synthetic import KINDS, Kind
from abaca_strategies.data.writing import to_csv
from abaca_strategies.failures import DataError
from tests.strategies.bars import Row, flat, frame, market

LONG = b"""Symbol,Date,Open,High,Low,Close,Volume
B,2024-01-02,10,11,9,10.5,100
A,2024-01-02,1,2,0.5,1.5,10
A,2024-01-03,1.5,2.5,1,2,20
"""
WIDE = b"date,A,B\n2024-01-02,1,\n2024-01-03,2,20\n"


def test_a_long_file_has_a_ticker_in_each_row() -> None:
    data = read(LONG, "long")
    assert data.tickers == ("B", "A")
    assert data.frame("A")["close"].tolist() == [1.5, 2.0]
    assert str(data.frame("A").index[0]) == "2024-01-02 00:00:00+00:00"
    assert not data.close_only


def test_a_wide_file_has_closes_alone_and_gaps_are_bars_that_are_not_there() -> None:
    data = read(WIDE, "wide")
    assert data.close_only
    assert data.frame("B")["open"].tolist() == [20.0]


def test_json_lines_and_parquet_read_as_csv_does(tmp_path: Path) -> None:
    table = pd.read_csv(io.BytesIO(LONG))
    table.to_parquet(tmp_path / "x.parquet")
    (tmp_path / "x.jsonl").write_text(table.to_json(orient="records", lines=True))
    expected = read(LONG, "long").digest
    assert read(tmp_path / "x.parquet", "x").digest == expected
    assert read(tmp_path / "x.jsonl", "x").digest == expected


@pytest.mark.parametrize(
    "stamp", ["1704153600", "1704153600000", "1704153600000000", "2024-01-02T00:00:00Z", "2024-01-02"]
)
def test_times_are_told_apart_by_their_size(stamp: str) -> None:
    data = read(f"timestamp,close\n{stamp},5\n".encode(), "x")
    assert str(next(iter(data.bars.values())).index[0]) == "2024-01-02 00:00:00+00:00"


def test_adjusted_closes_scale_all_prices() -> None:
    text = b"date,open,high,low,close,volume,adjusted\n2024-01-02,100,110,90,100,5,50\n"
    assert read(text, "x").frame("ASSET").iloc[0].tolist() == [50, 55, 45, 50, 5]
    assert read(text, "x", adjust=False).frame("ASSET").iloc[0].tolist() == [100, 110, 90, 100, 5]


@pytest.mark.parametrize(
    ("content", "form", "why"),
    [
        (b"a,b\n1,2\n", "csv", "no column of times"),
        (b"date,close\nsoon,1\n", "csv", "time that cannot be read"),
        (b"date,close\n2024-01-01,cheap\n", "csv", "value that is no number"),
        (b"", "csv", "cannot be read as csv"),
        (b"PAR1", "parquet", "cannot be read as parquet"),
        (b"x", "xls", "'xls' is not known"),
        (b"date,close\n2024-01-02,1\n2024-01-01,2\n", "csv", "begins before the one above it"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(content: bytes, form: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        read(content, "bad", form=form)


GOOD: Row = (10, 12, 9, 11)


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("high_below_low", (10, 8, 9, 9)),
        ("outside_range", (13, 12, 9, 11)),
        ("not_positive", (10, 12, 0, 11)),
        ("missing_value", (10, 12, 9, float("nan"))),
    ],
)
def test_a_bad_bar_is_named_with_its_ticker_and_its_time(kind: str, row: Row) -> None:
    report = validate(market(GOOD, row, GOOD).bars)
    (problem, *_) = [one for one in report.problems if one.kind == kind]
    assert (problem.ticker, problem.count, problem.first) == ("A", 1, "2024-01-02T00:00:00Z")
    assert not report.ok
    assert problem.text in str(report)


def test_order_duplicates_and_gaps() -> None:
    rows = frame([GOOD] * 40)
    swapped = rows.iloc[[0, 2, 1, 3, 3]]
    assert [one.kind for one in validate({"A": swapped}).problems] == ["not_monotone", "duplicate"]
    gap = validate({"A": rows.drop(rows.index[10:20])})
    assert [(one.kind, one.severity, one.first) for one in gap.problems] == [("gap", "note", "2024-01-21T00:00:00Z")]
    assert gap.ok


def test_a_split_that_was_not_adjusted_is_noted() -> None:
    assert [one.kind for one in validate(market(*flat(100, 50, 51)).bars).problems] == ["jump"]


def test_sets_that_hold_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="no bars"):
        validate({"A": frame([GOOD]).iloc[:0]}).refuse("none")
    assert not validate({}).ok


@pytest.mark.parametrize("text", ["1", "60", "4h", "1d", "2w", "1m", "3q", "1y"])
def test_timeframes_are_read_and_written(text: str) -> None:
    assert str(Timeframe.parse(text)).rstrip() == text


@pytest.mark.parametrize("text", ["", "0", "61", "d", "-1h", "1.5h", "1x", "1D "])
def test_what_is_no_timeframe_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="no timeframe"):
        Timeframe.parse(text)


def test_bars_are_added_up_by_the_calendar() -> None:
    # Given a bar a day from Monday the first of January 2024 on
    rows = [(float(n), n + 0.5, n - 0.5, n + 0.25) for n in range(1, 61)]
    data = market(*rows)
    # When they are made into weeks
    weeks = resample(data, "1w").frame("A")
    # Then each begins on a Monday and holds its days
    assert str(weeks.index[1].date()) == "2024-01-08"
    assert weeks.iloc[1].tolist() == [8, 14.5, 7.5, 14.25, 7000]
    months = resample(data, "1m").frame("A")
    assert [str(at.date()) for at in months.index] == ["2024-01-01", "2024-02-01"]
    assert months["volume"].tolist() == [31_000, 29_000]
    assert len(resample(data, "1q").frame("A")) == 1


def test_where_the_data_begin_changes_no_longer_bar() -> None:
    data = synthetic(tickers=1, bars=600, timeframe="15")
    cut = data.between("2015-01-08")
    for timeframe in ("30", "4h", "2d", "1w"):
        whole, later = (resample(each, timeframe).frame("SYN01") for each in (data, cut))
        pd.testing.assert_frame_equal(whole.loc[later.index].iloc[1:], later.iloc[1:])


@pytest.mark.parametrize("timeframe", ["30", "1h", "1d", "1w", "1m"])
def test_resampling_equals_pandas_grouping(timeframe: str) -> None:
    data = synthetic("jumps", tickers=1, bars=800, timeframe="15")
    rules = {"30": "30min", "1h": "1h", "1d": "1D", "1w": "W-MON", "1m": "MS"}
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    theirs = data.frame("SYN01").resample(rules[timeframe], label="left", closed="left").agg(how).dropna()
    mine = resample(data, timeframe).frame("SYN01")
    pd.testing.assert_frame_equal(mine, theirs, check_freq=False, check_index_type=False)


def test_longer_bars_make_no_shorter_ones() -> None:
    with pytest.raises(DataError, match="cannot be made into shorter ones"):
        resample(synthetic(tickers=1, bars=10), "1h")


@pytest.mark.parametrize("kind", KINDS)
def test_synthetic_data_are_sound_and_the_same_each_time(kind: Kind) -> None:
    one, same, other = (synthetic(kind, seed=seed, tickers=2, bars=500) for seed in (1, 1, 2))
    assert validate(one.bars).ok
    assert one.digest == same.digest != other.digest


@pytest.mark.parametrize("timeframe", ["5", "1h", "1w", "1m"])
def test_synthetic_data_come_in_any_timeframe(timeframe: str) -> None:
    data = synthetic(tickers=1, bars=100, timeframe=timeframe)
    assert len(data.frame("SYN01")) == 100
    assert validate(data.bars).ok


def test_mean_reverting_prices_come_back() -> None:
    wild, tame = (
        synthetic(kind, tickers=1, bars=3000, drift=0).frame("SYN01")["close"] for kind in ("gbm", "reverting")
    )
    assert float(np.log(tame).std()) < float(np.log(wild).std()) / 2


def test_the_digest_is_of_the_content_alone() -> None:
    data = synthetic(tickers=2, bars=50)
    again = read(to_csv(data), "another name")
    turned = DataSet("turned", dict(reversed(list(data.bars.items()))))
    assert data.digest == again.digest == turned.digest
    touched = {ticker: part.copy() for ticker, part in data.bars.items()}
    touched["SYN01"]["close"] = touched["SYN01"]["close"] + 1e-9
    assert DataSet("touched", touched).digest != data.digest
    assert DataSet("closes", data.bars, close_only=True).digest != data.digest


def test_ranges_hold_whole_days_at_their_end() -> None:
    data = synthetic(tickers=1, bars=260, timeframe="15", start="2024-01-01")
    cut = data.between("2024-01-02", "2024-01-03").frame("SYN01")
    assert (str(cut.index[0].date()), str(cut.index[-1].date()), len(cut)) == ("2024-01-02", "2024-01-03", 52)
    with pytest.raises(DataError, match="no date or time"):
        data.between("yesterday-ish")


def test_strategies_get_frames_of_many_tickers() -> None:
    data = synthetic(tickers=3, bars=30)
    sectors = {"SYN01": {"sector": "Energy"}, "SYN02": {"sector": "Health"}}
    source = BarSource(DataSet("x", data.bars, info=sectors))
    bars = source.get_bar_data("1d", columns=["ticker", "close"], filters={"sector": "Energy"})
    assert list(bars.columns) == ["ticker", "timestamp", "close"]
    assert bars["ticker"].unique().tolist() == ["SYN01"]
    assert bars["timestamp"].iloc[0] == 1420416000
    assert source.get_bar_data(min_bars=31).empty
    assert source.get_general_data(["sector"])["sector"].tolist()[:2] == ["Energy", "Health"]
    latest = BarSource(data, latest_only=True).get_bar_data(min_bars=5, filters={"tickers": ["SYN03"]})
    assert latest["close"].tolist() == data.frame("SYN03")["close"].tolist()[-5:]


@pytest.mark.parametrize(
    ("as_of", "last"),
    [("2024-01-03", "2024-01-03"), ("2024-01-03T23:59:59Z", "2024-01-02"), ("2024-01-04T00:00:00Z", "2024-01-03")],
)
def test_nothing_is_known_before_its_bar_has_ended(as_of: str, last: str) -> None:
    source = BarSource(market(*flat(1, 2, 3, 4, 5)), as_of=as_of)
    known = source.get_bar_data()["timestamp"].iloc[-1]
    assert str(pd.Timestamp(int(known), unit="s").date()) == last


@pytest.mark.parametrize("wrong", [{"min_bars": 0}, {"min_bars": 10_001}, {"columns": ["vwap"]}, {"timeframe": "1x"}])
def test_requests_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(DataError):
        BarSource(synthetic(tickers=1, bars=5)).get_bar_data(**wrong)  # type: ignore[arg-type]
